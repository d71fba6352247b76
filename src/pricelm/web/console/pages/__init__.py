"""The pages of the console, a file each; `pricelm.web.console.registry` lists them."""

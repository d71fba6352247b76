"""Language: a pretrained language model made to predict a number.

This room knows texts, numeric targets and, optionally, numeric facts beside each text. It knows nothing
of prices, listings or currencies. :mod:`~pricelm.language.config` and
:mod:`~pricelm.language.backbones` load without torch; everything else needs the extra ``train``.
"""

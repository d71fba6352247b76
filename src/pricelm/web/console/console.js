// What the pages need in the browser beside what NiceGUI brings.
function pricelmLight(light) {
  document.cookie = `pricelm_theme=${light}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
}

// the table of recommendations
let pricelmApi = null;
const pricelmMoney = (p) =>
  p.value === null || p.value === undefined
    ? "–"
    : new Intl.NumberFormat(pricelmWork.locale, {
        style: pricelmWork.currency ? "currency" : "decimal",
        currency: pricelmWork.currency || undefined,
        minimumFractionDigits: 2,
        maximumFractionDigits: 2,
      }).format(p.value);
const pricelmShare = (p) =>
  new Intl.NumberFormat(pricelmWork.locale, {
    style: "percent", signDisplay: "exceptZero", minimumFractionDigits: 1, maximumFractionDigits: 1,
  }).format(p.value);
const pricelmLabel = (kind) => (p) => pricelmWork.labels[`${kind}.${p.value}`] || p.value;

function pricelmProduct(p) {
  const link = document.createElement("a");
  const path = p.data.sku.split("/").map(encodeURIComponent).join("/");
  link.href = `${pricelmWork.product}/${path}`;
  link.textContent = p.value || p.data.sku;
  link.title = p.data.sku;
  return link;
}

async function pricelmLoad() {
  const answer = await fetch(pricelmWork.url, { headers: { Accept: "application/json" } });
  if (answer.redirected) return location.reload();
  const rows = answer.ok ? await answer.json() : [];
  pricelmApi.deselectAll();
  pricelmApi.setGridOption("rowData", rows);
}

function pricelmReady(event) {
  pricelmApi = event.api;
  const narrow = window.innerWidth < 700;
  if (narrow) pricelmApi.setColumnsVisible(["action", "current", "change", "rules", "step", "why"], false);
  if (pricelmWork.step)
    pricelmApi.setFilterModel({ step: { filterType: "text", type: "equals", filter: pricelmWork.step } });
  pricelmLoad();
}

// a text that a spreadsheet would compute stays a text
function pricelmExport(fileName) {
  const plain = (p) => (typeof p.value === "string" && /^[=+\-@\t\r]/.test(p.value) ? `'${p.value}` : p.value);
  pricelmApi.exportDataAsCsv({ fileName, processCellCallback: plain });
}

function pricelmChosen() {
  return pricelmApi ? pricelmApi.getSelectedNodes().map((node) => node.data.sku) : [];
}

// keys: "/" to search; on Today "a", "e", "r" decide about what is chosen
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, [role=dialog]")) return;
  if (event.key === "/") {
    const search = document.querySelector("#search, .filters input");
    if (search) { event.preventDefault(); search.focus(); }
    return;
  }
  const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not([disabled])`);
  if (button) { event.preventDefault(); button.click(); }
});

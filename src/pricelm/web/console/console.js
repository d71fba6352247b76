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
        currencyDisplay: pricelmWork.currency ? "narrowSymbol" : undefined,
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

// a spreadsheet takes a cell that begins like this for a formula
const pricelmCell = (p) => {
  const text = p.value === null || p.value === undefined ? "" : p.formatValue(p.value);
  return typeof p.value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
};

function pricelmExport(fileName) {
  pricelmApi.exportDataAsCsv({ fileName, processCellCallback: pricelmCell });
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
  if (narrow) pricelmApi.setColumnsVisible(["action", "current", "step", "why"], false);
  if (pricelmWork.step)
    pricelmApi.setFilterModel({ step: { filterType: "text", type: "equals", filter: pricelmWork.step } });
  pricelmLoad();
}

function pricelmChosen() {
  return pricelmApi ? pricelmApi.getSelectedNodes().map((node) => node.data.sku) : [];
}

// a printer gets rows, not a window on them
const PRINTED_ROWS = 1000;
window.addEventListener("beforeprint", () => {
  if (pricelmApi && pricelmApi.getDisplayedRowCount() <= PRINTED_ROWS) pricelmApi.setGridOption("domLayout", "print");
});
window.addEventListener("afterprint", () => {
  if (pricelmApi) pricelmApi.setGridOption("domLayout", "normal");
});

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

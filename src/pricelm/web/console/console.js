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

// first all rows as the server packed them, then what changed since; later only that
let pricelmRevision = "", pricelmLoading = Promise.resolve();
function pricelmLoad() {
  pricelmLoading = pricelmLoading.then(pricelmFollow, pricelmFollow);
  return pricelmLoading;
}
async function pricelmFollow() {
  pricelmApi.deselectAll();
  for (let packed = null; ; ) {
    const url = pricelmRevision ? `${pricelmWork.url}/since/${pricelmRevision}` : pricelmWork.url;
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.redirected) return location.reload();
    const rows = answer.ok ? await answer.json() : [];
    pricelmRevision = answer.headers.get("X-Pricelm-Revision") || "";
    if (answer.headers.get("X-Pricelm-Rows") === "changed") {
      // nobody sees, or clicks, a row that was decided since the others were packed
      const changed = new Map(rows.map((row) => [row.id, row]));
      if (packed) pricelmApi.setGridOption("rowData", packed.map((row) => changed.get(row.id) || row));
      else if (rows.length) pricelmApi.applyTransaction({ update: rows });
      return;
    }
    packed = rows;
    if (!pricelmRevision) return pricelmApi.setGridOption("rowData", packed);
  }
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

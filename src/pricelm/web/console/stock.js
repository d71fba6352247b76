// The table of stock: rows are fetched once and drawn as they come into sight.
const pricelmDecimals = (places) => (p) =>
  p.value === null || p.value === undefined
    ? "–"
    : new Intl.NumberFormat(pricelmWork.locale, { maximumFractionDigits: places }).format(p.value);
const pricelmRisk = (p) =>
  p.value === null || p.value === undefined
    ? "–"
    : new Intl.NumberFormat(pricelmWork.locale, { style: "percent" }).format(p.value);
const pricelmDemand = (p) =>
  p.value === null ? "–" : `${pricelmDecimals(0)(p)} ± ${pricelmDecimals(0)({ value: p.data.deviation })}`;
const pricelmCover = (p) =>
  p.value === null
    ? "–"
    : `${pricelmDecimals(0)(p)} (${pricelmDecimals(0)({ value: p.data.cover_low })}–${pricelmDecimals(0)({ value: p.data.cover_high })})`;
const pricelmStockName = (p) => (p.data.planned && pricelmWork.product ? pricelmProduct(p) : p.value || p.data.sku);

function pricelmStockReady(event) {
  pricelmApi = event.api;
  Object.assign(pricelmWork, event.context);
  if (window.innerWidth < 700)
    pricelmApi.setColumnsVisible(["on_hand", "units", "safety", "point", "risk", "date", "why", "cost"], false);
  pricelmStockStep(pricelmWork.step);
  pricelmLoad();
}

function pricelmStockStep(step) {
  const chosen = step ? { step: { filterType: "text", type: "equals", filter: step } } : {};
  pricelmApi.setFilterModel(chosen);
}

// a table that draws only what is in sight would print only that
function pricelmPrintTable(most, tooMany) {
  if (!pricelmApi || pricelmApi.getDisplayedRowCount() > most) return window.alert(tooMany);
  const state = pricelmApi.getColumnState();
  pricelmApi.setColumnsVisible(["step", "why"], false);
  pricelmApi.setGridOption("domLayout", "print");
  pricelmApi.applyColumnState({ state: [{ colId: "title", flex: null, width: 260 }] });
  setTimeout(() => {
    window.print();
    pricelmApi.setGridOption("domLayout", "normal");
    pricelmApi.applyColumnState({ state });
  }, 400);
}

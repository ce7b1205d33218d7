// The form: the map as a picker, ready-made periods, and what is being asked in words.
// Without this script every field is still there.

const form = document.querySelector("[data-picker]");
const boxes = [...form.querySelectorAll("input[name=ufs]")];
const regionButtons = [...form.querySelectorAll("[data-ufs]")];
const byPlace = new Map(boxes.map((box) => [`${box.dataset.row},${box.dataset.column}`, box]));
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const ROWS = 8;
const COLUMNS = 7;

// --- the map ------------------------------------------------------------------------------------

function codesOf(button) {
  return button.dataset.ufs === "*" ? boxes.map((box) => box.value) : button.dataset.ufs.split(" ");
}

function showChosen() {
  const chosen = boxes.filter((box) => box.checked);
  form.querySelector("[data-count]").textContent = chosen.length;
  const place = form.querySelector("[data-place]");
  const regions = regionButtons.filter((button) => button.hasAttribute("aria-pressed"));
  for (const button of regions) {
    const codes = codesOf(button);
    button.setAttribute("aria-pressed", String(boxes.every((box) => !codes.includes(box.value) || box.checked)));
  }
  const whole = regions.filter((button) => button.getAttribute("aria-pressed") === "true");
  if (chosen.length === boxes.length) place.textContent = "em todo o Brasil";
  else if (!chosen.length) place.textContent = "nenhum estado escolhido";
  else {
    const covered = new Set(whole.flatMap(codesOf));
    const names = [
      ...whole.map((button) => button.dataset.said),
      ...chosen.filter((box) => !covered.has(box.value)).map((box) => box.dataset.said),
    ];
    place.textContent = names.length > 4 ? `em ${chosen.length} estados` : enumerate(names);
  }
}

function enumerate(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} e ${names.at(-1)}`;
}

// One stop for the Tab key; the arrows go on from it.
function roam(to) {
  for (const box of boxes) box.tabIndex = box === to ? 0 : -1;
}

// The nearest tile that way: first along the line, then on the lines beside it.
function neighbour(box, [down, right]) {
  const row = Number(box.dataset.row);
  const column = Number(box.dataset.column);
  for (let aside = 0; aside < COLUMNS; aside += 1) {
    for (let step = 1; step <= ROWS; step += 1) {
      for (const side of aside ? [aside, -aside] : [0]) {
        const place = right ? `${row + side},${column + right * step}` : `${row + down * step},${column + side}`;
        if (byPlace.has(place)) return byPlace.get(place);
      }
    }
  }
  return null;
}

form.querySelector("[data-map]").addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step || !boxes.includes(event.target)) return;
  event.preventDefault();
  const next = neighbour(event.target, step);
  if (!next) return;
  roam(next);
  next.focus();
});
for (const box of boxes) {
  box.addEventListener("change", showChosen);
  box.addEventListener("focus", () => roam(box));
}
for (const button of regionButtons) {
  button.addEventListener("click", () => {
    const codes = codesOf(button);
    // A region that is on already goes off; "Nenhuma" and "Todas" mean what they say.
    const on = button.getAttribute("aria-pressed") !== "true";
    for (const box of boxes) {
      if (button.dataset.ufs === "") box.checked = false;
      else if (codes.includes(box.value)) box.checked = on;
    }
    showChosen();
  });
}
roam(boxes.find((box) => box.checked) ?? boxes[0]);
showChosen();

// --- the period ---------------------------------------------------------------------------------

const first = form.elements.data_inicial;
const last = form.elements.data_final;
const periodButtons = [...form.querySelectorAll("[data-first]")];
const problems = new Map(); // field -> what is said of it

function showPeriod() {
  forgetProblems();
  for (const button of periodButtons) {
    const same = button.dataset.first === first.value && button.dataset.last === last.value;
    button.setAttribute("aria-pressed", String(same));
  }
}
for (const button of periodButtons) {
  button.addEventListener("click", () => {
    first.value = button.dataset.first;
    last.value = button.dataset.last;
    showPeriod();
  });
}
first.addEventListener("change", showPeriod);
last.addEventListener("change", showPeriod);
showPeriod();

// A date that is half written, or that no calendar has, is sent as if there was none: the server
// would take the usual period for it.
function sayProblem(field) {
  const id = `erro-${field.name}`;
  document.getElementById(id)?.remove();
  const error = document.createElement("p");
  error.id = id;
  error.className = "field-error";
  error.textContent = "Esta data está incompleta ou não existe.";
  field.after(error);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", id);
  problems.set(field, error);
}

function forgetProblems() {
  for (const [field, error] of problems) {
    if (field.validity.badInput) continue;
    error.remove();
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    problems.delete(field);
  }
}

form.addEventListener("submit", (event) => {
  if (form.elements.modo_busca.value !== "publicacao") return;
  const wrong = [first, last].filter((field) => field.validity.badInput);
  if (!wrong.length) return;
  event.preventDefault();
  wrong.forEach(sayProblem);
  wrong[0].focus();
});

// --- the folded filters -------------------------------------------------------------------------

const LINES = ["municipios", "orgaos", "exclusion_terms", "valor_minimo", "valor_maximo"];

// Counted as forms.py does.
function showUsed() {
  const modalities = [...form.querySelectorAll("[name=modalidades]")];
  const checked = modalities.filter((box) => box.checked);
  const used = [
    checked.length && modalities.some((box) => box.checked !== ("usual" in box.dataset)),
    form.querySelector("[name=esferas]:checked"),
    form.elements.status.value !== "todos",
    ...LINES.map((name) => form.elements[name].value.trim()),
  ].filter(Boolean).length;
  form.querySelector("[data-used]").textContent = used ? `(${used} em uso)` : "";
}
form.querySelector("[data-more]").addEventListener("input", showUsed);
showUsed();

// --- errors and sending -------------------------------------------------------------------------

document.getElementById("erros")?.focus();
// Going back to this page must not show the browser's choices with another summary beside them.
window.addEventListener("pageshow", () => {
  showChosen();
  showPeriod();
  showUsed();
});

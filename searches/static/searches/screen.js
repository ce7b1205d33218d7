// What an event changes on the page: stage, bar, map, figures; and the finished page at the end.
// The words on the tiles are those of searches/pages/tiles.py and wording.py: change both.

import { answerTo } from "./answer.js";

const numbers = new Intl.NumberFormat("pt-BR", { useGrouping: "always" });
const SHORTEST_MEASURE_SECONDS = 4;
const FEWEST_PAGES = 3;
// A screen reader should hear where things stand, not every step.
const SAID_GAP_MS = 3000;
// The result as the list was while it ran: the best first, as many as are on the screen.
const AS_IT_RAN = "?ordem=relevancia&itens=50";
const RETRY_MS = 3000;
// What is seen of the chip before the chosen one: that the row does not begin there.
const BEFORE_CHOSEN_PX = 32;
/** With nothing heard for this long, nothing is known of what goes on. */
export const SILENCE_MS = 15000;
export const UNREACHED = "Sem conexão com o servidor. Tentando de novo.";
const BACK = "A conexão voltou.";
const NOT_CANCELLED = "A busca não foi cancelada: recarregue a página e cancele de novo.";
const NOT_ANSWERED = "O servidor não respondeu ao pedido de cancelar. Tente de novo daqui a pouco.";

const counted = (count, one, many) => `${numbers.format(count)} ${count === 1 ? one : many}`;

export class Screen {
  constructor(search, results) {
    this.search = search;
    this.results = results;
    this.counted = {};
    this.told = new Map(Object.entries(JSON.parse(document.getElementById("contado").textContent)));
    this.startedAt = performance.now() - Number(search.dataset.elapsed) * 1000;
    this.heardAt = performance.now();
    this.unitsTotal = search.querySelectorAll("[data-uf]:not(.is-out)").length;
    this.heard = "";
    this.problem = "";
    this.trouble = "";
    this.said = "";
    this.saidTimer = 0;
    this.results.onCount = (counted) => this.count(counted);
    this.clock = setInterval(() => this.tick(), 1000);
    this.enhanceCancel();
  }

  part(name) {
    return this.search.querySelector(`[data-${name}]`);
  }

  put(name, text) {
    const part = this.part(name);
    if (part && part.textContent !== text) part.textContent = text;
  }

  /** Show how the server is heard of. What keeps it from answering is also said aloud, once, and
   * once that it is over. */
  connection(text, trouble = "") {
    if (trouble !== this.trouble) announce(trouble || BACK);
    this.trouble = trouble;
    this.heard = trouble || text;
    this.draw();
  }

  draw() {
    this.put("connection", [this.problem, this.heard].filter(Boolean).join(" "));
  }

  /** Say what went wrong with what the reader asked for, until it is asked for again. */
  say(problem) {
    this.problem = problem;
    this.draw();
    if (problem) announce(problem);
  }

  show(event) {
    this.heardAt = performance.now();
    // The last one is told by the finished page.
    const isOver = event.progress < 0 || event.progress === 100;
    if (!isOver) this.sayStage(event.message);
    if (event.progress >= 0) this.part("progress").value = event.progress;
    if (!event.detail.uf) return;
    const detail = this.asCounted(event.detail);
    const before = this.told.get(detail.uf)?.items_matched ?? 0;
    this.told.set(detail.uf, detail);
    this.tile(detail);
    this.figures(detail);
    if (detail.items_matched !== before) this.results.refresh();
  }

  sayStage(message) {
    this.put("stage", message);
    this.said = message;
    this.saidTimer ||= setTimeout(() => {
      this.saidTimer = 0;
      announce(this.said);
    }, SAID_GAP_MS);
  }

  total(name) {
    return [...this.told.values()].reduce((sum, each) => sum + each[name], 0);
  }

  /** What is told of a page comes a little later than its matches, which the list has counted by
   * UF. What matches was read. searches/pages/running.py does the same. */
  asCounted(detail) {
    const found = Math.max(detail.items_matched, this.counted[detail.uf] ?? 0);
    return { ...detail, items_matched: found, items_found: Math.max(detail.items_found, found) };
  }

  /** Take the counts of the list that has just come: figures, tiles and heading stay one. */
  count(counted) {
    this.counted = counted;
    for (const [uf, detail] of this.told) {
      this.told.set(uf, this.asCounted(detail));
      if (counted[uf]) this.tile(this.told.get(uf));
    }
    this.found();
  }

  found() {
    this.put("read", numbers.format(this.total("items_found")));
    const found = numbers.format(this.total("items_matched"));
    this.put("found", found);
    this.put("live-count", found);
  }

  figures(detail) {
    const [done, pages] = [this.total("pages_done"), this.total("pages_total")];
    this.put("pages", this.pages(done, pages));
    this.put("stored", numbers.format(this.total("from_store")));
    this.found();
    this.put("units", `${detail.uf_index} de ${detail.uf_total}`);
    const tile = this.search.querySelector(`[data-uf="${detail.uf}"]`);
    const counts = `${counted(detail.items_found, "lida", "lidas")}, ${counted(detail.items_matched, "encontrada", "encontradas")}`;
    this.put("latest", `${tile?.dataset.name ?? detail.uf}: ${counts}`);
  }

  /** How many UFs are being read, or were. */
  begun() {
    return [...this.told.values()].filter((each) => each.uf_status !== "waiting").length;
  }

  /** How many pages there are is known when every UF has begun and none has failed. */
  pages(done, pages) {
    if (!pages) return "–";
    const hasFailed = [...this.told.values()].some((each) => ["partial", "failed"].includes(each.uf_status));
    const isKnown = this.begun() >= this.unitsTotal && !hasFailed;
    return isKnown ? `${numbers.format(done)} de ${numbers.format(pages)}` : numbers.format(done);
  }

  tile(detail) {
    const tile = this.search.querySelector(`[data-uf="${detail.uf}"]`);
    if (!tile) return;
    const { uf_status: state, items_found: read, items_matched: found } = detail;
    let filled = 100;
    let count = numbers.format(found);
    let label = `${counted(read, "lida", "lidas")}, ${counted(found, "encontrada", "encontradas")}`;
    const isStored = state === "complete" && read > 0 && read <= detail.from_store;
    if (state === "reading") {
      filled = detail.pages_total ? Math.min(100, Math.round((100 * detail.pages_done) / detail.pages_total)) : 0;
      label = `lendo, ${numbers.format(detail.pages_done)} de ${counted(detail.pages_total, "página", "páginas")}, ${label}`;
      if (!found) count = "";
    } else if (state === "failed") {
      [label, count] = ["falhou, não foi lida", "falhou"];
    } else if (state === "partial") {
      label = `incompleta, ${label}`;
    } else if (isStored) {
      label += ", do acervo";
    }
    tile.className = `tile is-${state}${isStored ? " from-store" : ""}`;
    tile.title = `${tile.dataset.name}: ${label}`;
    tile.querySelector(".sr").textContent = tile.title;
    tile.querySelector(".n").textContent = count;
    const fill = tile.querySelector(".fill rect");
    fill.setAttribute("height", filled);
    fill.setAttribute("y", 100 - filled);
  }

  /** What is left is measured up to the last event: time without news is no slowness. */
  tick() {
    const now = performance.now();
    this.put("clock", clock((now - this.startedAt) / 1000));
    const isHeard = now - this.heardAt < SILENCE_MS;
    this.put("left", isHeard ? this.left((this.heardAt - this.startedAt) / 1000) : "–");
  }

  /** Estimate the time left by the pages: those of a UF not begun are as many as of the others.
   * searches/pages/running.py does the same. */
  left(seconds) {
    const begun = this.begun();
    const [done, pages] = [this.total("pages_done"), this.total("pages_total")];
    if (done < FEWEST_PAGES || seconds < SHORTEST_MEASURE_SECONDS) return "–";
    const missing = (pages * Math.max(this.unitsTotal, begun)) / begun - done;
    return missing > 0 ? about((seconds * missing) / done) : "–";
  }

  /** Cancel without leaving the page; the search's own last event ends it. */
  enhanceCancel() {
    const form = this.search.querySelector("[data-cancel]");
    const button = form.querySelector("button");
    // A button that is truly disabled would lose the focus.
    const draw = (isAsked) => {
      button.setAttribute("aria-disabled", String(isAsked));
      button.textContent = isAsked ? "Cancelando" : "Cancelar";
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (button.getAttribute("aria-disabled") === "true") return;
      draw(true);
      this.say("");
      const problem = await refused(form);
      if (!problem || !form.isConnected) return;
      draw(false);
      this.say(problem);
    });
  }

  /** Put the finished page in the place of this one. Who is reading the list goes on reading it:
   * the same cards in the same order, at the same height. When others have come between them, the
   * page waits until it is asked for, or the list is left. */
  async finish(event) {
    clearInterval(this.clock);
    this.results.stop();
    clearTimeout(this.saidTimer);
    const anchor = this.results.anchor();
    try {
      const page = await fetched(location.href);
      if (!page) return location.reload();
      if (!anchor.isRead || anchor.isIn(page)) this.swap(page, anchor);
      else {
        const asItRan = await fetched(AS_IT_RAN);
        if (asItRan && anchor.isIn(asItRan)) {
          history.replaceState(null, "", AS_IT_RAN);
          this.swap(asItRan, anchor);
        } else this.wait(page);
      }
      announce(event?.message ?? "");
      document.documentElement.dataset.live = "done";
    } catch {
      this.connection("", UNREACHED);
      setTimeout(() => this.finish(event), RETRY_MS);
    }
    return undefined;
  }

  swap(page, anchor) {
    const main = document.querySelector("main");
    const held = main.contains(document.activeElement);
    const isUnfolded = main.querySelector("[data-question]")?.open;
    main.replaceChildren(...document.adoptNode(page.querySelector("main")).childNodes);
    document.title = page.title;
    // What stands above the list keeps its height.
    if (isUnfolded) main.querySelector("[data-question]").open = true;
    showChosen();
    const isBack = anchor?.restore();
    if (held && !isBack) main.focus({ preventScroll: true });
  }

  /** Keep the finished page until the reader asks for it or leaves the list. */
  wait(page) {
    this.search.querySelector("[data-cancel]").hidden = true;
    this.put("stage", "A busca terminou");
    const leaving = new AbortController();
    const show = (anchor) => {
      leaving.abort();
      this.swap(page, anchor);
    };
    this.results.offerPage(() => {
      show(null);
      window.scrollTo(0, 0);
    });
    const look = () => {
      const anchor = this.results.anchor();
      if (anchor.isRead) return;
      const isAtTop = window.scrollY === 0; // to see the figures that come there
      show(anchor);
      if (isAtTop) window.scrollTo(0, 0);
    };
    window.addEventListener("scroll", look, { passive: true, signal: leaving.signal });
  }
}

/** Where a row of chips runs off a narrow screen, have what is chosen in sight. */
export function showChosen() {
  for (const row of document.querySelectorAll(".chips-list")) {
    const chosen = row.querySelector("[aria-current]");
    if (chosen) row.scrollLeft = chosen.offsetLeft - row.offsetLeft - BEFORE_CHOSEN_PX;
  }
}

/** Send a form that is answered with a redirect; return why nothing came of it, or nothing. */
async function refused(form) {
  try {
    const answer = await answerTo(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
    if (answer.ok || answer.type === "opaqueredirect") return "";
    return answer.status < 500 ? NOT_CANCELLED : NOT_ANSWERED;
  } catch {
    return NOT_ANSWERED;
  }
}

/** Return a page of this search, or nothing when it is gone. */
async function fetched(address) {
  const response = await answerTo(address);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function announce(text) {
  document.querySelector("[data-announce]").textContent = text;
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function about(seconds) {
  if (seconds < 90) return `cerca de ${Math.max(5, Math.ceil(Math.floor(seconds) / 5) * 5)} s`;
  return `cerca de ${Math.ceil(Math.floor(seconds) / 60)} min`;
}

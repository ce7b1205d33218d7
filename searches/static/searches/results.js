// The list that grows while a search runs. The server draws it, best first; what is on the screen
// is never moved: better ones that belong above it wait behind a button.

import { answerTo } from "./answer.js";

const GAP_MS = 2500;
// The line above the list stays at the top of the screen and covers what is under it.
const HEAD_PX = 48;
const MOST_MOVED_AT_TOP_PX = 180;
// What the keyboard reaches in a card.
const REACHED = "a, summary";

export class Results {
  constructor(section) {
    this.section = section;
    this.timer = 0;
    this.stopped = false;
    this.refreshedAt = 0;
    this.onCount = () => {};
    this.onButton = () => this.showAll();
    section.addEventListener("click", (event) => {
      if (event.target.closest("[data-show-new]")) this.onButton();
    });
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Fetch the list again soon; many calls are one. */
  refresh() {
    if (this.timer || this.stopped) return;
    const wait = Math.max(0, this.refreshedAt + GAP_MS - performance.now());
    this.timer = setTimeout(() => this.load(), wait);
  }

  async load() {
    try {
      const response = await answerTo("?fragmento=resultados");
      if (response.ok) this.take(await response.text());
    } catch {
      // The next event asks again.
    }
    this.refreshedAt = performance.now();
    this.timer = 0;
  }

  take(html) {
    if (this.stopped) return;
    const page = new DOMParser().parseFromString(`<section>${html}</section>`, "text/html");
    this.latest = page.querySelector("section");
    this.onCount(JSON.parse(this.latest.querySelector("[data-live-count]").dataset.liveCount));
    const list = this.section.querySelector("[data-cards]");
    if (!list || list.getBoundingClientRect().top >= window.innerHeight) {
      this.showAll({ scroll: false });
      return;
    }
    this.merge(list);
  }

  cards(root = this.section) {
    return [...root.querySelectorAll("[data-card]")];
  }

  /** Keep what has been on the screen; put the rest below it in order; count what belongs above. */
  merge(list) {
    const shown = this.cards(list);
    const read = shown.filter((card) => card.getBoundingClientRect().top < window.innerHeight);
    const kept = new Set(read.map((card) => card.dataset.card));
    const next = this.cards(this.latest);
    const last = read.at(-1)?.dataset.card;
    const found = next.findIndex((card) => card.dataset.card === last);
    // One that fell out of the best stays where it is read: all of the best belong above it.
    const rank = last && found < 0 ? next.length : found;
    const above = next.filter((card, place) => place < rank && !kept.has(card.dataset.card));
    const below = next.filter((card, place) => place >= rank && !kept.has(card.dataset.card));
    for (const card of shown) if (!kept.has(card.dataset.card)) card.remove();
    list.append(...below.map((card) => document.importNode(card, true)));
    const rest = this.latest.querySelector("[data-live-rest]");
    this.section.querySelector("[data-live-rest]")?.remove();
    if (rest) this.section.append(document.importNode(rest, true));
    this.offer(above.length);
  }

  offer(count) {
    const button = this.section.querySelector("[data-show-new]");
    // Hidden, it would lose the focus.
    if (count === 0 && button === document.activeElement) this.focusHeading();
    button.hidden = count === 0;
    button.textContent = `${count} ${count === 1 ? "nova" : "novas"} acima, mostrar`;
  }

  /** Offer the finished page to who is reading the list. */
  offerPage(onButton) {
    const button = this.section.querySelector("[data-show-new]");
    button.hidden = false;
    button.textContent = "A busca terminou, ver o resultado";
    this.section.querySelector("h2").firstChild.textContent = "Encontradas: ";
    this.onButton = onButton;
  }

  showAll({ scroll = true } = {}) {
    if (!this.latest) return;
    const held = this.section.contains(document.activeElement);
    const count = this.section.querySelector("[data-live-count]");
    this.section.replaceChildren(...document.importNode(this.latest, true).childNodes);
    // The screen keeps the count: this list is from a while ago.
    this.section.querySelector("[data-live-count]").replaceWith(count);
    if (!scroll) return;
    this.section.scrollIntoView();
    if (held) this.focusHeading();
  }

  focusHeading() {
    const heading = this.section.querySelector("h2");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  /** Remember the cards on the screen and the link in focus, to put them back as they are. */
  anchor() {
    const top = (card) => card.getBoundingClientRect().top;
    const seen = this.cards().filter((each) => top(each) >= HEAD_PX && top(each) < window.innerHeight);
    const names = seen.map((card) => card.dataset.card);
    const height = seen.length ? top(seen[0]) : 0;
    const isAtTop = window.scrollY === 0;
    const again = (name) => document.querySelector(`[data-card="${name}"]`);
    const held = document.activeElement?.closest("[data-card]");
    const place = held ? [...held.querySelectorAll(REACHED)].indexOf(document.activeElement) : -1;
    return {
      isRead: seen.length > 0 && !isAtTop,
      isIn(page) {
        const all = [...page.querySelectorAll("[data-card]")].map((card) => card.dataset.card);
        const first = all.indexOf(names[0]);
        return names.every((name, offset) => all[first + offset] === name);
      },
      restore() {
        const found = seen.length ? again(names[0]) : null;
        const moved = found ? top(found) - height : 0;
        // Who looks at the top of the page should see the figures that come there.
        if (!isAtTop || Math.abs(moved) <= MOST_MOVED_AT_TOP_PX) window.scrollBy(0, moved);
        if (!held) return false;
        const link = again(held.dataset.card)?.querySelectorAll(REACHED)[place];
        link?.focus({ preventScroll: true });
        return Boolean(link);
      },
    };
  }
}

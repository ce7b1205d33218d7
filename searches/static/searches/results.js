// The list that grows while a search runs. The server draws it, best first; what is on the screen
// is never moved: better ones that belong above it wait behind a button.

const GAP_MS = 2500;
// The line above the list stays at the top of the screen and covers what is under it.
const HEAD_PX = 48;
const MOST_MOVED_AT_TOP_PX = 180;

export class Results {
  constructor(section) {
    this.section = section;
    this.timer = 0;
    this.stopped = false;
    this.refreshedAt = 0;
    this.count = 0;
    this.onCount = () => {};
    section.addEventListener("click", (event) => {
      if (event.target.closest("[data-show-new]")) this.showAll();
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
      const response = await fetch("?fragmento=resultados", { cache: "no-store" });
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
    this.count = Number(this.latest.querySelector("[data-live-count]").dataset.liveCount);
    this.onCount();
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
    const found = next.findIndex((card) => card.dataset.card === read.at(-1)?.dataset.card);
    // One that fell out of the best stays where it is read, and the best go below it.
    const rank = Math.max(found, 0);
    const above = next.filter((card, place) => place < rank && !kept.has(card.dataset.card));
    const below = next.filter((card, place) => place >= rank && !kept.has(card.dataset.card));
    for (const card of shown) if (!kept.has(card.dataset.card)) card.remove();
    list.append(...below.map((card) => document.importNode(card, true)));
    this.section.querySelector("[data-live-count]").replaceWith(
      document.importNode(this.latest.querySelector("[data-live-count]"), true),
    );
    const rest = this.latest.querySelector("[data-live-rest]");
    this.section.querySelector("[data-live-rest]")?.remove();
    if (rest) this.section.append(document.importNode(rest, true));
    this.offer(above.length);
  }

  offer(count) {
    const button = this.section.querySelector("[data-show-new]");
    button.hidden = count === 0;
    button.textContent = `${count} ${count === 1 ? "nova" : "novas"} acima, mostrar`;
  }

  showAll({ scroll = true } = {}) {
    if (!this.latest) return;
    const held = this.section.contains(document.activeElement);
    this.section.replaceChildren(...document.importNode(this.latest, true).childNodes);
    if (!scroll) return;
    this.section.scrollIntoView();
    if (held) {
      const heading = this.section.querySelector("h2");
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  }

  /** Remember the first card that is whole on the screen, to put it back at the same height. */
  anchor() {
    const card = this.cards().find((each) => each.getBoundingClientRect().top >= HEAD_PX);
    const top = card?.getBoundingClientRect().top ?? 0;
    const isSeen = Boolean(card) && top < window.innerHeight;
    const isAtTop = window.scrollY === 0;
    const again = (page) => isSeen && page.querySelector(`[data-card="${card.dataset.card}"]`);
    return {
      isRead: isSeen && !isAtTop,
      isIn: (page) => Boolean(again(page)),
      restore() {
        const found = again(document);
        const moved = found ? found.getBoundingClientRect().top - top : 0;
        // Who looks at the top of the page should see the figures that come there.
        if (!isAtTop || Math.abs(moved) <= MOST_MOVED_AT_TOP_PX) window.scrollBy(0, moved);
      },
    };
  }
}

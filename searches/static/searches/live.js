// A search's page while it runs: hears the events, moves the page along, shows the result.
// The server has drawn the page as of event data-seq; everything after that comes from here.
// WebSocket first, then EventSource, then polling: all three bring the same numbered events.

import { answerTo } from "./answer.js";
import { Results } from "./results.js";
import { Screen, SILENCE_MS, UNREACHED, showChosen } from "./screen.js";

const POLL_MS = 2000;
const FAILURES_ALLOWED = 2;
const LONGEST_WAIT_MS = 15000;
const AWAY = "O site não está conseguindo ler o andamento. Nada se perdeu: ele volta sozinho.";
const LAST_STAGES = new Set(["complete", "partial", "error", "cancelled"]);

/** Places arriving events: the next one is delivered, old ones are skipped, a hole is a gap. */
class Cursor {
  constructor(seq) {
    this.seq = seq;
  }

  offer(seq) {
    if (seq <= this.seq) return "skip";
    if (seq > this.seq + 1) return "gap";
    this.seq = seq;
    return "deliver";
  }
}

class Live {
  constructor(search) {
    this.search = search;
    this.cursor = new Cursor(Number(search.dataset.seq));
    this.results = new Results(search.querySelector("#resultados"));
    this.screen = new Screen(search, this.results);
    this.failures = 0;
    this.heardAt = performance.now();
    this.finished = false;
    this.syncing = false;
    this.trouble = "";
    this.socket = null;
    this.source = null;
    this.timer = 0;
  }

  start() {
    this.connect();
    setInterval(() => this.finished || this.look(), SILENCE_MS / 3);
    document.addEventListener("visibilitychange", () => document.hidden || this.resync());
    window.addEventListener("pageshow", (event) => event.persisted && this.resync());
    window.addEventListener("online", () => this.resync());
  }

  say(transport, trouble = "") {
    document.documentElement.dataset.live = transport;
    this.trouble = trouble;
    const calm = transport === "poll" ? `Atualizando a cada ${POLL_MS / 1000} s.` : "";
    this.screen.connection(calm, trouble);
  }

  /** Say what keeps the server from answering, or, when it has answered, nothing more of it. */
  sayTrouble(trouble) {
    if (trouble !== this.trouble) this.say(document.documentElement.dataset.live ?? "", trouble);
  }

  // --- WebSocket ---------------------------------------------------------------------------------

  connect() {
    if (this.finished) return;
    this.syncing = false;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}${this.search.dataset.ws}?after=${this.cursor.seq}`;
    let openedAt = 0;
    let heard = false;
    let socket;
    try {
      socket = new WebSocket(address);
    } catch {
      this.listen();
      return;
    }
    this.socket = socket;
    socket.addEventListener("open", () => {
      openedAt = performance.now();
      this.say("ws");
    });
    socket.addEventListener("message", (message) => {
      heard = true;
      this.failures = 0;
      this.take([JSON.parse(message.data)]);
    });
    socket.addEventListener("close", (closing) => {
      if (this.finished || this.socket !== socket) return;
      this.socket = null;
      if (closing.code === 4404) return location.reload();
      if (closing.code === 1000 && heard) this.ask(); // it has told all; was the end missed?
      // Opened and cut at once, as some proxies do, is a handshake that failed.
      if (!heard && (!openedAt || performance.now() - openedAt < 1000)) this.failures += 1;
      if (this.failures >= FAILURES_ALLOWED) return this.listen();
      this.later(() => this.connect());
    });
  }

  later(action) {
    const longest = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.failures);
    clearTimeout(this.timer);
    this.timer = setTimeout(action, longest * (0.5 + Math.random() / 2));
  }

  // --- EventSource -------------------------------------------------------------------------------

  listen() {
    if (this.finished) return;
    this.failures = 0;
    const source = new EventSource(`${this.search.dataset.sse}?after=${this.cursor.seq}`);
    this.source = source;
    source.addEventListener("open", () => this.say("sse"));
    source.addEventListener("message", (message) => {
      this.failures = 0;
      this.take([JSON.parse(message.data)]);
    });
    source.addEventListener("error", () => {
      if (this.finished || this.source !== source) return;
      this.failures += 1;
      if (this.failures < FAILURES_ALLOWED && source.readyState !== EventSource.CLOSED) return;
      source.close();
      this.source = null;
      if (this.failures >= FAILURES_ALLOWED) this.poll();
      else this.later(() => this.listenAgain());
    });
  }

  listenAgain() {
    const { failures } = this;
    this.listen();
    this.failures = failures; // a new object is not a new beginning
  }

  // --- polling -----------------------------------------------------------------------------------

  async poll() {
    if (this.finished) return;
    this.polling = true;
    this.say("poll", this.trouble);
    const answered = await this.ask();
    this.failures = answered ? 0 : this.failures + 1;
    clearTimeout(this.timer);
    const wait = Math.min(LONGEST_WAIT_MS, POLL_MS * 2 ** Math.max(0, this.failures - 2));
    if (!this.finished) this.timer = setTimeout(() => this.poll(), wait);
  }

  /** Ask once for what came after the cursor. Returns whether the server answered. */
  async ask() {
    try {
      const address = `${this.search.dataset.poll}?after=${this.cursor.seq}`;
      const response = await answerTo(address);
      if (response.status === 404) location.reload(); // logged out meanwhile
      if (!response.ok) {
        this.sayTrouble(response.status === 503 ? AWAY : UNREACHED);
        return false;
      }
      const { events, finished } = await response.json();
      this.take(events);
      if (finished && !this.finished) this.finish();
      return true;
    } catch {
      this.sayTrouble(UNREACHED);
      return false;
    }
  }

  // --- events ------------------------------------------------------------------------------------

  take(events) {
    this.heardAt = performance.now();
    this.sayTrouble("");
    for (const event of events) {
      if (this.finished) return;
      const offer = this.cursor.offer(event.seq);
      if (offer === "skip") continue;
      if (offer === "gap") {
        if (!this.syncing) this.resync();
        this.syncing = true; // what else comes before the answer asks no second time
        return;
      }
      this.syncing = false;
      this.screen.show(event);
      if (LAST_STAGES.has(event.stage)) this.finish(event);
    }
  }

  /** Ask again for everything after the cursor, on whatever transport there is. */
  resync() {
    if (this.finished) return;
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: "sync", after: this.cursor.seq }));
    } else if (this.polling) {
      this.poll();
    } else {
      this.ask().then(() => {
        this.syncing = false; // unanswered, the next event that does not fit asks again
      });
      if (!this.socket && !this.source) this.connect();
    }
  }

  /** After a silence, ask the database; a transport that kept something back is given up. */
  async look() {
    if (this.polling || performance.now() - this.heardAt < SILENCE_MS) return;
    const before = this.cursor.seq;
    await this.ask();
    if (this.finished || this.cursor.seq === before) return;
    if (this.source) {
      this.source.close();
      this.source = null;
      this.poll();
    } else {
      const { socket } = this;
      this.socket = null;
      socket?.close();
      this.listen();
    }
  }

  finish(event) {
    this.finished = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.source?.close();
    this.screen.finish(event);
  }
}

// Nobody can unfold a long object on paper.
const unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded.push(...document.querySelectorAll(".rest:not([open])"));
  for (const rest of unfolded) rest.open = true;
});
window.addEventListener("afterprint", () => {
  for (const rest of unfolded.splice(0)) rest.open = false;
});

const search = document.getElementById("busca");
if (search?.dataset.seq) new Live(search).start();
else document.documentElement.dataset.live = "done";
showChosen();

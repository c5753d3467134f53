// Who is signed in, and what the key may do. Without authentication everyone may do everything.

import { api, beginSession, del, get, post } from "./api.js";
import { Emitter } from "./emitter.js";

const OPEN = { auth: "none", is_signed_in: true, key: null, expires_at: null };

class Session extends Emitter {
  #answer = OPEN;

  get isRequired() {
    return this.#answer.auth === "keys";
  }

  get isSignedIn() {
    return !this.isRequired || this.#answer.is_signed_in;
  }

  /** {name, prefix, scopes, kind}, or null. */
  get key() {
    return this.#answer.key;
  }

  get expiresAt() {
    return this.#answer.expires_at;
  }

  /** Say why the key may not do what needs `scope`; null if it may. */
  refusal(scope) {
    if (!this.isRequired) return null;
    const scopes = this.#answer.key?.scopes ?? [];
    if (scopes.includes(scope) || scopes.includes("admin")) return null;
    return `Your key may not do this: it needs the scope “${scope}”.`;
  }

  async load() {
    this.#take(await get("/session").catch(openIfThereIsNone));
  }

  async signIn(key) {
    await post("/session", { key });
    beginSession();
    await this.load();
  }

  async signOut() {
    await del("/session");
    await this.load();
  }

  end() {
    if (this.isRequired && this.#answer.is_signed_in) {
      this.#take({ ...this.#answer, is_signed_in: false, key: null });
    }
  }

  #take(answer) {
    this.#answer = answer;
    this.emit("change");
  }
}

function openIfThereIsNone(problem) {
  if (problem.status === 404) return OPEN;
  throw problem;
}

export const session = new Session();
api.on("unauthenticated", () => session.end());

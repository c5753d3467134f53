// The call that asks for the same once more, to paste into a shell.

const FIELDS = ["user_id", "channel", "subject", "message", "html", "data", "priority", "tags", "reference"];

/** What is asked for, without what is not set or usual, and without times, which are over. */
export function bodyOf(content) {
  const given = FIELDS.filter((name) => content[name] !== null && content[name] !== undefined && content[name] !== "");
  return Object.fromEntries(given.filter((name) => name !== "priority" || content[name] !== "normal").map((name) => [name, content[name]]));
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The command; with `isKeyNeeded` it takes the key from the environment. */
export function curlOf(body, { origin, isKeyNeeded }) {
  const lines = [`curl ${quoted(`${origin}/notifications`)}`];
  if (isKeyNeeded) lines.push(`-H "Authorization: Bearer $ASYNCNOTIFY_KEY"`);
  lines.push(`-d ${quoted(JSON.stringify(body, null, 2))}`);
  return lines.join(" \\\n  ");
}

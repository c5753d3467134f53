// Swagger UI shows an answer when it has ended, and a stream of events does not end. So a stream is
// read for a while here, and what has arrived by then is shown.
const STREAM_MS = 5000;

async function fetchForAWhile(url, request) {
  const response = await fetch(url, request);
  const type = response.headers.get("Content-Type") || "";
  if (!type.startsWith("text/event-stream")) return response;

  const reader = response.body.getReader();
  const timer = setTimeout(() => reader.cancel(), STREAM_MS);
  const chunks = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
  }
  clearTimeout(timer);
  const { status, statusText, headers } = response;
  const seen = new Response(new Blob(chunks), { status, statusText, headers });
  Object.defineProperty(seen, "url", { value: response.url });
  return seen;
}

window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // it would ask a server on the internet
  requestInterceptor: (request) => {
    if (request.url.endsWith("/events")) request.userFetch = fetchForAWhile;
    return request;
  },
});

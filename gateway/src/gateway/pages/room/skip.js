// Runs before the first paint: who presses the link before the page's modules are there would be led to a hash of no view.
addEventListener("click", (event) => {
  if (!event.target.closest?.(".skip")) return;
  event.preventDefault(); // the hash is the router's
  document.querySelector("#main").focus();
});

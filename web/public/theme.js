// Runs before the first paint, so that a dark page never flashes white. A file of its own: inline scripts are forbidden.
(() => {
  const wish = localStorage.getItem("laird.theme");
  const dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();

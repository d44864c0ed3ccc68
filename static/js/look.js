// Site settings of the admin: the preview follows what is typed and chosen. Saving checks everything on the server.
document.addEventListener("DOMContentLoaded", () => {
  const preview = document.querySelector("[data-look-preview]");
  if (!preview) return;
  const colour = /^#[0-9a-f]{6}$/i;
  const lighter = (hex) => {
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18;
  };
  for (const look of preview.querySelectorAll("[data-look]")) {
    const field = document.getElementById(`id_accent_${look.dataset.look}`);
    if (!field) continue;
    field.addEventListener("input", () => {
      const typed = field.value.trim();
      const shown = colour.test(typed) ? typed : look.dataset.shipped;
      const button = look.querySelector("[data-look-button]");
      button.style.background = shown;
      button.style.color = lighter(shown) ? "#050714" : "#ffffff";
      look.querySelector("[data-look-link]").style.color = shown;
    });
  }
  const name = document.getElementById("id_product_name");
  name?.addEventListener("input", () => {
    for (const shown of preview.querySelectorAll("[data-look-name]")) shown.textContent = name.value;
  });
  document.getElementById("id_new_logo")?.addEventListener("change", (event) => {
    const [file] = event.target.files;
    if (!file) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      for (const image of preview.querySelectorAll("[data-look-logo]")) {
        image.addEventListener("load", () => {
          const wide = image.naturalWidth > 2 * image.naturalHeight;
          image.parentElement.querySelector("[data-look-name]").style.display = wide ? "none" : "";
        });
        image.src = reader.result;
        image.style.display = "";
      }
    });
    reader.readAsDataURL(file);
  });
});

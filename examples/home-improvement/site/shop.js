// The shop itself: shelves, basket, sign-in and consent. It knows the edge by `window.experience` only.

const PRODUCTS = [
  { sku: "PNT-01", name: "Wall paint, chalk white", price: 38, unit: "10 l", art: "paint" },
  { sku: "DRL-18", name: "Cordless drill, 18 V", price: 129, unit: "2 batteries", art: "drill" },
  { sku: "SHL-90", name: "Oak shelf board", price: 24, unit: "90 cm", art: "shelf" },
  { sku: "TIL-20", name: "Glazed wall tiles", price: 31, unit: "1 m²", art: "tiles" },
  { sku: "LMP-07", name: "Pendant lamp, brass", price: 74, unit: "with bulb", art: "lamp" },
  { sku: "PLT-03", name: "Terracotta planter", price: 19, unit: "30 cm", art: "plant" },
];

const ART = {
  paint: '<path d="M26 42h44v40a6 6 0 0 1-6 6H32a6 6 0 0 1-6-6z" fill="#c8553d"/><rect x="22" y="36" width="52" height="9" rx="3" fill="#8d3524"/><path d="M28 36c0-22 40-22 40 0" fill="none" stroke="#5b4a3f" stroke-width="3"/><path d="M34 45v16a5 5 0 0 0 10 0v-8a4 4 0 0 1 8 0v-8z" fill="#f7efe4"/>',
  drill: '<path d="M20 30h44a8 8 0 0 1 8 8v8a6 6 0 0 1-6 6H20z" fill="#2f6f62"/><rect x="72" y="37" width="16" height="8" fill="#5b4a3f"/><path d="M30 52h16l6 26H36z" fill="#245549"/><rect x="32" y="78" width="26" height="12" rx="3" fill="#5b4a3f"/>',
  shelf: '<rect x="12" y="52" width="76" height="9" rx="2" fill="#b98552"/><path d="M24 61v17M76 61v17" stroke="#5b4a3f" stroke-width="4"/><rect x="22" y="26" width="9" height="26" fill="#2f6f62"/><rect x="33" y="22" width="8" height="30" fill="#c8553d"/><rect x="43" y="29" width="10" height="23" fill="#e0a458"/><circle cx="70" cy="42" r="10" fill="#7d9f85"/>',
  tiles: '<g fill="#6f9aa8"><rect x="18" y="22" width="30" height="30" rx="3"/><rect x="52" y="56" width="30" height="30" rx="3"/></g><g fill="#a9c6cd"><rect x="52" y="22" width="30" height="30" rx="3"/><rect x="18" y="56" width="30" height="30" rx="3"/></g>',
  lamp: '<path d="M50 8v26" stroke="#5b4a3f" stroke-width="3"/><path d="M26 62a24 28 0 0 1 48 0z" fill="#e0a458"/><circle cx="50" cy="66" r="9" fill="#f9e3b4"/>',
  plant: '<path d="M32 60h36l-5 30H37z" fill="#c8553d"/><rect x="28" y="54" width="44" height="9" rx="3" fill="#a5432e"/><path d="M50 54c-4-20-20-24-26-24 2 14 12 22 26 24zm0 0c2-22 16-30 26-32 0 16-10 28-26 32z" fill="#2f6f62"/>',
};

const BASKET = "shop.basket";
const ACCOUNT = "shop.account";
const dollars = (amount) => `$${amount.toFixed(2)}`;
const find = (selector) => document.querySelector(selector);
const art = ({ art }) => `<svg viewBox="0 0 100 100" role="img" aria-hidden="true">${ART[art]}</svg>`;

const basket = () => JSON.parse(window.localStorage.getItem(BASKET) ?? "{}");
const keep = (content) => window.localStorage.setItem(BASKET, JSON.stringify(content));
const lines = () =>
  PRODUCTS.filter(({ sku }) => basket()[sku]).map((product) => ({ ...product, quantity: basket()[product.sku] }));
const total = () => lines().reduce((sum, { price, quantity }) => sum + price * quantity, 0);

function countBasket() {
  find("#basket-count").textContent = lines().reduce((sum, { quantity }) => sum + quantity, 0);
}

function shelves() {
  find("#shelves").innerHTML = PRODUCTS.map(
    (product) => `<a class="card" href="/product.html?sku=${product.sku}">${art(product)}
      <strong>${product.name}</strong><span>${product.unit}</span><b>${dollars(product.price)}</b></a>`,
  ).join("");
}

function product() {
  const sku = new URLSearchParams(window.location.search).get("sku");
  const shown = PRODUCTS.find((each) => each.sku === sku) ?? PRODUCTS[0];
  document.title = `${shown.name} – Hearth & Beam`;
  find("#picture").innerHTML = art(shown);
  find("#name").textContent = shown.name;
  find("#unit").textContent = shown.unit;
  find("#price").textContent = dollars(shown.price);
  find("#add").addEventListener("click", async () => {
    keep({ ...basket(), [shown.sku]: (basket()[shown.sku] ?? 0) + 1 });
    countBasket();
    await window.experience.added(shown);
    find("#added").hidden = false;
  });
}

function checkout() {
  find("#lines").innerHTML = lines()
    .map(({ name, quantity, price }) => `<tr><td>${name}</td><td>${quantity}</td><td>${dollars(price * quantity)}</td></tr>`)
    .join("");
  find("#total").textContent = dollars(total());
  find("#buy").disabled = lines().length === 0;
  find("#buy").addEventListener("click", () => {
    window.location.assign("/thanks.html");
  });
}

async function thanks() {
  const bought = lines();
  if (bought.length === 0) return;
  const id = `O-${Date.now().toString(36).toUpperCase()}`;
  find("#order").textContent = id;
  find("#paid").textContent = dollars(total());
  const order = { id, total: total(), lines: bought };
  keep({});
  countBasket();
  await window.experience.purchased(order);
  document.documentElement.dataset.order = "told";
}

function showAccount() {
  const name = window.experience.isSignedIn() ? window.sessionStorage.getItem(ACCOUNT) : null;
  find("#account").textContent = name ? `Hello, ${name}` : "Sign in";
  find("#sign-out").hidden = !name;
  find("#sign-in").hidden = Boolean(name);
}

function account() {
  const dialog = find("#account-dialog");
  find("#account").addEventListener("click", () => dialog.showModal());
  find("#sign-in").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const answer = await fetch("/login", { method: "POST", body: new URLSearchParams(form) });
    if (!answer.ok) {
      find("#sign-in-error").textContent = "We do not know this name and password.";
      return;
    }
    const { token, name } = await answer.json();
    window.sessionStorage.setItem(ACCOUNT, name);
    await window.experience.signedIn(token);
    showAccount();
    dialog.close();
  });
  find("#sign-out").addEventListener("click", () => {
    window.experience.signedOut();
    window.sessionStorage.removeItem(ACCOUNT);
    showAccount();
    dialog.close();
  });
  showAccount();
}

function consent() {
  const said = find("#consent-said");
  const ask = async (general, words) => {
    await window.experience.consent(general);
    said.textContent = words;
  };
  find("#consent-in").addEventListener("click", () => ask("in", "Thank you: offers may be chosen for you."));
  find("#consent-out").addEventListener("click", () => ask("out", "Understood: nothing is chosen for you."));
}

const PAGES = { home: shelves, product, checkout, thanks };
account();
consent();
countBasket();
PAGES[document.body.dataset.page]?.();

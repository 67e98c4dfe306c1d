// What the Web SDK is told of this shop. The local front answers this path itself, with what it was started with.
window.shopConfig = {
  orgId: "0A1B2C3D4E5F60718293A4B5@AdobeOrg",
  datastreamId: "shop_web",
  edgeDomain: "edge.shop.test",
};

// A purchase with the TypeScript client: `make clients` checks that it fits what the API says of itself.
import createClient from "openapi-fetch";
import type { paths } from "../../clients/typescript/souk";

export async function buy(baseUrl: string, email: string, password: string): Promise<string> {
  const souk = createClient<paths>({ baseUrl });
  const login = await souk.POST("/api/v1/auth/login", { body: { email, password } });
  if (!login.data) throw new Error(login.error.detail);
  const headers = { Authorization: `Bearer ${login.data.access_token}` };
  const found = await souk.GET("/api/v1/products", { params: { query: { kind: "digital" } } });
  const product = found.data?.items[0];
  if (!product) throw new Error("nothing is for sale");
  const order = await souk.POST("/api/v1/orders", {
    headers,
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: {
      items: [{ product_id: product.id, quantity: 1 }],
      payment: { provider: "stripe", flow: "intent" },
    },
  });
  if (!order.data) throw new Error(order.error.code);
  return order.data.payment?.client_secret ?? order.data.status;
}

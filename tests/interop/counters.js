// Counts token requests by the events of the provider: GET /counts returns the counts, DELETE
// /counts resets them.

const zero = () => ({ granted: 0, refused: 0, failed: 0, requests: [] });

// "refresh_token" for a granted request, "refresh_token invalid_grant" for a refused one.
const describe = ({ oidc }, ...outcome) => [oidc.params?.grant_type ?? "-", ...outcome].join(" ");

export const count = (provider) => {
  let counts = zero();
  provider.on("grant.success", (ctx) => {
    counts.granted += 1;
    counts.requests.push(describe(ctx));
  });
  provider.on("grant.error", (ctx, error) => {
    counts.refused += 1;
    counts.requests.push(describe(ctx, error.error));
  });
  provider.on("server_error", (_ctx, error) => {
    counts.failed += 1;
    console.error(error);
  });
  return (request, response) => {
    if (request.method === "DELETE") counts = zero();
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(counts));
  };
};

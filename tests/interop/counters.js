// What the token endpoint did since it was last asked to forget, as the provider's own events told
// it: GET /seen says it, DELETE /seen forgets it.

const nothing = () => ({ granted: 0, refused: 0, failed: 0, requests: [] });

// "refresh_token" where one was granted, "refresh_token invalid_grant" where one was refused.
const told = ({ oidc }, ...outcome) => [oidc.params?.grant_type ?? "-", ...outcome].join(" ");

export const count = (provider) => {
  let seen = nothing();
  provider.on("grant.success", (ctx) => {
    seen.granted += 1;
    seen.requests.push(told(ctx));
  });
  provider.on("grant.error", (ctx, error) => {
    seen.refused += 1;
    seen.requests.push(told(ctx, error.error));
  });
  provider.on("server_error", (_ctx, error) => {
    seen.failed += 1;
    console.error(error);
  });
  return (request, response) => {
    if (request.method === "DELETE") seen = nothing();
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(seen));
  };
};

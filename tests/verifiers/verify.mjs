// Reads deliveries as JSON from standard input, verifies each with the published library, and says which hold.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const verdicts = JSON.parse(readFileSync(0, "utf8")).map(({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(body, headers);
    return "ok";
  } catch (error) {
    return `${error}`;
  }
});
console.log(JSON.stringify(verdicts));

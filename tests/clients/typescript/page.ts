// The reading part of the story on a page: from another origin than the ledger, by gRPC-Web.

import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { bearer, read, type Story } from "./reading.js";

/** What browser.ts tells the page. */
export interface Told extends Story {
  ledger: string;
  token: string;
}

declare global {
  function tell(told: Told): Promise<string[]>;
}

globalThis.tell = ({ ledger, token, ...story }) => {
  const transport = createGrpcWebTransport({
    baseUrl: ledger,
    defaultTimeoutMs: 10_000,
    interceptors: [bearer(token)],
  });
  return read(transport, story);
};

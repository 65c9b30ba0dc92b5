// What channels of gRPC do by themselves, and Connect leaves to its callers: calls that a service
// config lets be repeated are repeated. Every command carries a request id, so that is safe.

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/** As much of a service config as is needed. (github.com/grpc/proposal, A6) */
interface ServiceConfig {
  methodConfig: { name: { service: string; method?: string }[]; retryPolicy?: RetryPolicy }[];
}
interface RetryPolicy {
  maxAttempts: number;
  initialBackoff: string;
  maxBackoff: string;
  backoffMultiplier: number;
  retryableStatusCodes: string[];
}

export function retrying(config: ServiceConfig): Interceptor {
  return (next) => async (request) => {
    const policy = policyOf(config, request.service.typeName, request.method.name);
    if (request.stream || !policy?.retryableStatusCodes.includes("UNAVAILABLE")) {
      return next(request);
    }
    let backoff = parseFloat(policy.initialBackoff);
    for (let attempt = 1; ; attempt++) {
      try {
        return await next(request);
      } catch (error) {
        const again = ConnectError.from(error).code === Code.Unavailable;
        if (!again || attempt >= policy.maxAttempts || request.signal.aborted) throw error;
      }
      // The wait varies by a fifth, so that clients that failed together do not return together.
      const seconds = backoff * (0.8 + 0.4 * Math.random());
      await new Promise((done) => setTimeout(done, 1000 * seconds));
      backoff = Math.min(backoff * policy.backoffMultiplier, parseFloat(policy.maxBackoff));
    }
  };
}

/** A method's own policy goes before that of its service. */
function policyOf(config: ServiceConfig, service: string, method: string) {
  const named = (wanted?: string) =>
    config.methodConfig.find(({ name }) =>
      name.some((it) => it.service === service && it.method === wanted),
    );
  return (named(method) ?? named())?.retryPolicy;
}

/** Requests to the service, and its refusals as one error type. */

export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field?: string,
  ) {
    super(message);
  }
}

interface Request {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  token?: string | null;
  signal?: AbortSignal;
}

/** The JSON answer of `path`. Throws ApiError with a sentence for people; status 0 means no answer at all. */
export async function request<Answer>(path: string, { method = "GET", body, token, signal }: Request = {}): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: {
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The microgrid's service does not answer. Check the connection; this page tries again by itself.");
  }
  const text = await response.text();
  if (!response.ok) throw refusal(response.status, text);
  return JSON.parse(text) as Answer;
}

function refusal(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string; field?: string } };
    if (error?.message) return new ApiError(status, error.code ?? "refused", error.message, error.field);
  } catch {
    // A proxy's page instead of the service's JSON: the status says more than its text.
  }
  return new ApiError(status, "unexpected", `The service answered with status ${status}.`);
}

/** `?a=1&b=2` of the parameters that are set. */
export function query(parameters: Record<string, string | number | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

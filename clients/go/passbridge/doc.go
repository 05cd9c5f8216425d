// Package passbridge calls a passbridge server: registration codes, device information, TempPasses and logins.
//
// A [Client] provides the generated services of the API ([Client.RegistrationCodes], [Client.DeviceInfo], [Client.TempPasses],
// [Client.Entitlements]) over one connection with:
//
//   - TLS with the system's CAs or a private CA, client certificates, and tokens, also from a file.
//   - A default deadline for calls that have none.
//   - Retries of the methods that are safe to repeat, while the server is unavailable. A create gets a request_id, which makes
//     it safe to repeat.
//   - Load balancing over all addresses of the target whose server reports SERVING.
//   - Typed errors with causes and remedies: see [AsError].
//
// [Client.Watch] watches a code across lost connections. [Client.BatchReset] resets many trials and reports progress.
package passbridge

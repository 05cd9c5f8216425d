// Package passbridge calls a passbridge server: registration codes, device information, TempPasses and logins.
//
// A [Client] has the services of the API as they are generated ([Client.RegistrationCodes], [Client.DeviceInfo],
// [Client.TempPasses], [Client.Entitlements]) over one connection that is set up for them:
//
//   - TLS by the system's roots or a private authority, client certificates, tokens that may come from a file.
//   - A deadline for calls that have none.
//   - Retries of the methods that are safe to repeat, while the server is away. A create gets a request_id, so that it
//     is one of them.
//   - Load balancing over all addresses of the target whose servers say that they serve.
//   - Errors that say what to do: see [AsError].
//
// [Client.Watch] follows a code over lost connections, and [Client.BatchReset] resets many trials with reports of the
// progress.
package passbridge

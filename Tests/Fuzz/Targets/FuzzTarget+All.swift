// SPDX-License-Identifier: Apache-2.0

extension FuzzTarget {
    /// Every target there is, for the fuzzer and for the test that runs each of them on its seeds.
    package static let all: [FuzzTarget] =
        configuration + routing + wire + messages + handshakes + clientHandshakes + packets + sealed + sniffers + mux
        + vision + scripts + transports + schedules + names + relays
}

// SPDX-License-Identifier: Apache-2.0
import LuaRuntime
import ProxyModel

extension Library {
    /// `ip.bytes(text)`, `ip.within(address, network)`.
    static func installAddresses(in state: LuaState) throws {
        try state.register("ip.bytes") { call in
            if let address = IPAddress(try call.string(1)) { call.push(bytes: address.bytes) } else { call.pushNil() }
            return 1
        }
        try state.register("ip.within") { call in
            guard let address = IPAddress(try call.string(1)) else {
                throw call.argumentError(1, "an IP address expected")
            }
            let text = try call.string(2)
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let network = IPAddress(String(first)),
                let bits = parts.count < 2 ? network.bytes.count * 8 : Int(parts[1]),
                (0...network.bytes.count * 8).contains(bits)
            else {
                throw call.argumentError(
                    2, "an address or a network such as 10.0.0.0/8 expected, got \"\(text.prefix(60))\"")
            }
            call.push(isWithin(address.bytes, network.bytes, bits))
            return 1
        }
    }

    /// Whether the first bits are the same; never for addresses of different families.
    private static func isWithin(_ address: [UInt8], _ network: [UInt8], _ bits: Int) -> Bool {
        guard address.count == network.count else { return false }
        let whole = bits / 8
        guard address.prefix(whole) == network.prefix(whole) else { return false }
        let rest = bits % 8
        return rest == 0 || (address[whole] ^ network[whole]) >> UInt8(8 - rest) == 0
    }

    static let addressReference: [LibraryEntry] = [
        LibraryEntry(
            "ip.bytes", "ip.bytes(text) -> string | nil",
            "The 4 or 16 bytes of an address, as the API's messages want them; nil for what is no address."),
        LibraryEntry(
            "ip.within", "ip.within(address, network) -> boolean",
            "Whether an address is in a network (`10.0.0.0/8`, `2001:db8::/32`), or is that address.",
            example: #"if ip.within(flow_source, "192.168.0.0/16") then return end"#),
    ]
}

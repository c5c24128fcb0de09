// SPDX-License-Identifier: Apache-2.0
package import GRPCWire

/// Where the API listens, as `api.listen` writes it: `host:port`, `:port`, `/path`, `/path,0666` (the mode of the socket file in
/// octal digits), `@abstract` or `@@padded`.
package struct ListenAddress: Sendable, Equatable {
    package var address: GRPCAddress
    package var socketMode: UInt16?

    package init(_ text: String) throws(ControlServerError) {
        var place = text[...]
        if text.hasPrefix("/"), let comma = text.lastIndex(of: ",") {
            let digits = text[text.index(after: comma)...]
            guard let mode = UInt16(digits, radix: 8), mode <= 0o777, digits.allSatisfy(\.isNumber) else {
                throw ControlServerError(
                    code: .address, "cannot listen on \"\(text)\": \"\(digits)\" is no file mode such as 0660")
            }
            socketMode = mode
            place = text[..<comma]
        }
        do {
            address = try GRPCAddress(String(place))
        } catch {
            throw ControlServerError(code: .address, "cannot listen on \"\(text)\": \(error.message)")
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyProtocols

struct PROXYHeaderTests {
    private static let source = Endpoint(ip: .loopbackV4, port: 34270)
    private static let target = Endpoint(ip: .loopbackV4, port: 22012)

    /// The bytes that Xray 26.7.28 sent.
    @Test func addressesAreWrittenAsTheOriginalWritesThem() {
        #expect(
            PROXYHeader.bytes(1, source: Self.source, target: Self.target).map { String(buffer: $0) }
                == "PROXY TCP4 127.0.0.1 127.0.0.1 34270 22012\r\n")
        #expect(
            PROXYHeader.bytes(
                2, source: .init(ip: .loopbackV4, port: 0x85e0), target: .init(ip: .loopbackV4, port: 0x55fc)
            )
            .map(hex) == "0d0a0d0a000d0a515549540a2111000c7f0000017f00000185e055fc")
    }

    @Test func longAddressesHaveAFormOfTheirOwn() {
        let source = Endpoint(ip: .loopbackV6, port: 1)
        let target = Endpoint(ip: .loopbackV6, port: 2)
        #expect(
            PROXYHeader.bytes(1, source: source, target: target).map { String(buffer: $0) }
                == "PROXY TCP6 ::1 ::1 1 2\r\n")
        let one = String(repeating: "0", count: 31) + "1"
        #expect(
            PROXYHeader.bytes(2, source: source, target: target).map(hex)
                == "0d0a0d0a000d0a515549540a21210024" + one + one + "00010002")
    }

    @Test func endsWithoutAddressesAreUnknown() {
        #expect(
            PROXYHeader.bytes(1, source: .unspecified, target: Self.target).map { String(buffer: $0) }
                == "PROXY UNKNOWN\r\n")
        #expect(
            PROXYHeader.bytes(2, source: .unspecified, target: Self.target).map(hex)
                == "0d0a0d0a000d0a515549540a20000000")
        #expect(PROXYHeader.bytes(0, source: Self.source, target: Self.target) == nil)
    }
}

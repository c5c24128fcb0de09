// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel
import Testing

@testable import ProxyCore

struct OriginalDestinationTests {
    /// A header of cmsg(3), with its data filled up to a multiple of 8.
    private func message(_ level: Int32, _ kind: Int32, _ data: [UInt8], length: Int? = nil) -> [UInt8] {
        var bytes = withUnsafeBytes(of: length ?? 16 + data.count) { Array($0) }
        bytes += withUnsafeBytes(of: level) { Array($0) } + withUnsafeBytes(of: kind) { Array($0) } + data
        return bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    }

    private var v4: [UInt8] { [2, 0, 0x1f, 0x90, 192, 0, 2, 1] + [UInt8](repeating: 0, count: 8) }
    private var v6: [UInt8] {
        [10, 0, 0x1f, 0x90, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 0, 0, 0, 0]
    }

    private func read(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { OriginalDestination.read($0) }.map { "\($0)" }
    }

    @Test func addressesOfBothFamiliesAreFound() {
        #expect(read(message(0, 20, v4)) == "192.0.2.1:8080")
        #expect(read(message(41, 74, v6)) == "[2001:db8::1]:8080")
    }

    @Test func whatElseTheKernelTellsIsPassedOver() {
        let other = message(1, 29, [1, 2, 3, 4, 5]) + message(0, 8, [9])
        #expect(read(other + message(0, 20, v4)) == "192.0.2.1:8080")
        #expect(read(other) == nil)
    }

    @Test func nothingIsFoundInDataThatIsNotWhole() {
        for bytes in [message(0, 20, v4), message(41, 74, v6)] {
            let whole = bytes[0] > 40 ? 44 : 32
            for count in 0..<whole { #expect(read(Array(bytes[..<count])) == nil) }
        }
    }

    @Test(arguments: [0, 15, -1, Int.min, Int.max, 17, 31])
    func lengthsThatCannotBeAreHarmless(length: Int) {
        #expect(read(message(0, 20, v4, length: length) + message(0, 20, v4, length: length)) == nil)
    }

    @Test func addressOfAnotherFamilyIsNone() {
        var bytes = v4
        bytes[0] = 1
        #expect(read(message(0, 20, bytes)) == nil)
        bytes[0] = 10
        #expect(read(message(0, 20, bytes)) == nil, "it would be longer than what there is")
    }
}

// SPDX-License-Identifier: Apache-2.0

import Testing
import XrayProtos

struct ProtoReaderTests {
    let pool = DescriptorPool.shared

    /// Walks everything, as a caller that builds nothing.
    private func walk(_ name: String, _ bytes: [UInt8]) throws -> [String] {
        let descriptor = try #require(pool.message(name))
        return try bytes.withUnsafeBytes { try walk(ProtoReader($0, descriptor: descriptor)) }
    }

    private func walk(_ start: ProtoReader) throws -> [String] {
        var reader = start
        var seen: [String] = []
        while let (field, value) = try reader.next() {
            switch value {
            case .message(let inner): seen.append("\(field.name){\(try walk(inner).joined(separator: " "))}")
            case .string(let text): seen.append("\(field.name)=\(String(decoding: text, as: UTF8.self))")
            case .bytes(let bytes): seen.append("\(field.name)=\(Array(bytes))")
            case .int(let number): seen.append("\(field.name)=\(number)")
            case .uint(let number): seen.append("\(field.name)=\(number)")
            case .enumeration(let number): seen.append("\(field.name)=#\(number)")
            case .bool(let flag): seen.append("\(field.name)=\(flag)")
            case .float(let number): seen.append("\(field.name)=\(number)")
            case .double(let number): seen.append("\(field.name)=\(number)")
            }
        }
        #expect(reader.remaining == 0)
        return seen
    }

    @Test func fieldsComeInWireOrder() throws {
        let seen = try walk("xray.app.stats.command.QueryStatsResponse", [0x0a, 5, 0x10, 7, 0x0a, 1, 0x61, 0x0a, 0])
        #expect(seen == ["stat{value=7 name=a}", "stat{}"])
    }

    @Test func elementsOfPackedListsComeOneByOne() throws {
        let seen = try walk("xray.common.net.NetworkList", [0x0a, 2, 2, 3, 0x08, 4, 0x0a, 0])
        #expect(seen == ["network=#2", "network=#3", "network=#4"])
    }

    @Test func negativeNumbersTakeTenBytes() throws {
        let minusOne: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
        #expect(try walk("xray.app.stats.command.Stat", [0x10] + minusOne) == ["value=-1"])
        #expect(try walk("xray.app.policy.Policy.Buffer", [0x08] + minusOne) == ["connection=-1"])
    }

    @Test func floatsAreLittleEndian() throws {
        #expect(try walk("xray.app.router.StrategyWeight", [0x1d, 0, 0, 0x80, 0x3f]) == ["value=1.0"])
    }

    @Test func entriesOfMapsFillInWhatIsMissing() throws {
        let descriptor = try #require(pool.message("xray.app.policy.Config"))
        try [UInt8]([0x0a, 0]).withUnsafeBytes { bytes in
            var reader = ProtoReader(bytes, descriptor: descriptor)
            guard case .message(var entry)? = try reader.next()?.value else {
                throw ProtoError(.mismatch, "no entry")
            }
            let (key, value) = try entry.entry()
            guard case .uint(0) = key, case .message(let empty) = value else {
                throw ProtoError(.mismatch, "no zero entry")
            }
            #expect(empty.remaining == 0)
            #expect(empty.descriptor.fullName == "xray.app.policy.Policy")
            #expect(throws: ProtoError.self) { try reader.entry() }
        }
    }

    @Test(
        arguments: [
            ("a varint of eleven bytes", [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            ("a varint of more than 64 bits", [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
            ("a varint cut off", [0x10, 0x80]),
            ("a value cut off", [0x10]),
            ("text cut off", [0x0a, 2, 0x61]),
            ("a length of 2^64 - 1", [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            ("a length of 2^63", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]),
            ("a length of 2^31", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]),
            ("field number 0", [0x00, 1]),
            ("a field number above 2^29", [0x80, 0x80, 0x80, 0x80, 0x10, 1]),
            ("wire type 6", [0x0e]),
            ("wire type 7", [0x0f]),
            ("the end of no group", [0x0c]),
            ("a group that does not end", [0x0b, 0x08, 1]),
            ("a group that ends as another", [0x0b, 0x14]),
            ("an unknown fixed64 cut off", [0x51, 1, 2, 3]),
            ("an unknown fixed32 cut off", [0x55, 1, 2, 3]),
            ("text that is not UTF-8", [0x0a, 1, 0xff]),
            ("an overlong UTF-8 sequence", [0x0a, 10, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0x61, 0xc0, 0x80]),
            ("a lone surrogate", [0x0a, 3, 0xed, 0xa0, 0x80]),
        ] as [(String, [UInt8])])
    func malformedInputIsRefused(what: String, bytes: [UInt8]) {
        #expect { try walk("xray.app.stats.command.Stat", bytes) } throws: { ($0 as? ProtoError)?.code == .malformed }
    }

    @Test func aPackedListMayNotReachBeyondItsLength() {
        #expect {
            try walk("xray.common.net.NetworkList", [0x0a, 1, 0x80, 1])
        } throws: {
            ($0 as? ProtoError)?.code == .malformed
        }
    }

    @Test func nestingIsLimited() throws {
        // Expr.args[ExprArg.expr{…}]: two levels for each turn.
        func nested(_ turns: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            for _ in 0..<turns {
                for tag in [UInt8(0x2a), 0x12] {
                    var length: [UInt8] = [UInt8(bytes.count & 0x7f)]
                    if bytes.count > 0x7f { length = [length[0] | 0x80, UInt8(bytes.count >> 7)] }
                    bytes = [tag] + length + bytes
                }
            }
            return bytes
        }
        let name = "xray.transport.internet.finalmask.header.custom.Expr"
        #expect(try walk(name, nested(49)).count == 1)
        #expect { try walk(name, nested(50)) } throws: { ($0 as? ProtoError)?.code == .tooDeep }
        #expect { try walk(name, nested(2000)) } throws: { $0 is ProtoError }
    }

    @Test func nestedGroupsAreLimited() {
        let groups = [UInt8](repeating: 0x1b, count: 100_000)
        #expect { try walk("xray.app.stats.command.Stat", groups) } throws: { ($0 as? ProtoError)?.code == .tooDeep }
    }
}

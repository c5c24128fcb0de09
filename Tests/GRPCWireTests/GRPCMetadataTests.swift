// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import GRPCWire

struct GRPCMetadataTests {
    @Test func namesAreLowerCasedAndMayRepeat() {
        var metadata = GRPCMetadata()
        let added1 = metadata.add("X-Name", "a")
        #expect(added1)
        let added2 = metadata.add("x-name", "b")
        #expect(added2)
        #expect(metadata["x-name"] == "a")
        #expect(metadata.values("x-name") == ["a", "b"])
    }

    @Test(arguments: [
        "", ":path", "te", "content-type", "grpc-status", "grpc-timeout", "a b", "ä", "connection", "x-bin", "a\n",
    ])
    func refusesNamesThatItMayNotCarry(name: String) {
        var metadata = GRPCMetadata()
        let added3 = metadata.add(name, "v")
        #expect(!added3)
        #expect(metadata.isEmpty)
    }

    @Test(arguments: ["a\r\nb", "\0", "ü", "a\u{7f}"])
    func refusesTextThatIsNotPrintable(value: String) {
        var metadata = GRPCMetadata()
        let added4 = metadata.add("x", value)
        #expect(!added4)
    }

    @Test(arguments: [(" a b ", "a b"), ("  ", ""), ("", ""), ("a", "a")])
    func outerSpacesAreLeftOut(value: String, sent: String) {
        let metadata: GRPCMetadata = ["x": .text(value)]
        #expect(metadata["x"] == sent)
    }

    @Test func binaryNamesEndInBin() {
        var metadata = GRPCMetadata()
        let added5 = metadata.add("x", binary: [1])
        #expect(!added5)
        let added6 = metadata.add("x-bin", binary: [1, 0, 255])
        #expect(added6)
        #expect(metadata.binaryValues("x-bin") == [[1, 0, 255]])
    }

    @Test(arguments: ["AQ", "AQ=="])
    func receivedBinaryValuesMayBePaddedOrNot(text: String) {
        var metadata = GRPCMetadata()
        metadata.addReceived(name: "x-bin", value: text)
        #expect(metadata.binaryValues("x-bin") == [[1]])
    }

    @Test func receivedBinaryValuesMayBeListsWithBadMembers() {
        var metadata = GRPCMetadata()
        metadata.addReceived(name: "x-bin", value: "AQ,!!,Ag==,")
        #expect(metadata.binaryValues("x-bin") == [[1], [2], []])
    }

    @Test func blocksCarryMetadataAndHideProtocolFields() {
        var block = HeaderBlock()
        block.append(":path", "/a/b")
        block.append("grpc-timeout", "1S")
        block.append(["a": "b", "c-bin": .binary([1, 2, 3])])
        #expect(block.metadata == ["a": "b", "c-bin": .binary([1, 2, 3])])
    }

    @Test func everyPrefixOfABlockIsRead() {
        var block = HeaderBlock()
        block.append("grpc-status", "5")
        block.append("grpc-message", "gone%21")
        block.append("x", "y")
        #expect(block.status == GRPCStatus(.notFound, "gone!", metadata: ["x": "y"]))
        for count in 0..<block.bytes.count {
            var prefix = HeaderBlock()
            block.bytes.withUnsafeBytes { prefix.replace(with: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            #expect(prefix.metadata.isEmpty)
        }
    }

    @Test(arguments: ["99", "-1", "x", ""])
    func unknownStatusCodesAreUnknown(code: String) {
        var block = HeaderBlock()
        block.append("grpc-status", code)
        #expect(block.status?.code == .unknown)
    }

    @Test func aStatusThatIsTooLargeToSendIsCut() {
        var status = GRPCStatus(.internal, String(repeating: "é", count: 50_000))
        for _ in 0..<40 { status.metadata.add("x", String(repeating: "v", count: 2000)) }
        var block = HeaderBlock()
        block.append(status)
        #expect(block.bytes.count < 10_000)
        #expect(block.status?.message.allSatisfy { $0 == "é" } == true)
    }
}

// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Sniffing
import TestSupport
import Testing

struct StreamSnifferTests {
    private func look(_ text: String) -> SniffVerdict {
        var sniffer = StreamSniffer()
        return sniffer.look(at: ByteBuffer(string: text))
    }

    private func domain(_ text: String) -> String? {
        guard case .found(let content) = look(text) else { return nil }
        return content.domain
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: LocalHost:99\r\n\r\n", "localhost"),
        ("get / HTTP/1.1\r\nhost:localhost\r\n\r\n", "localhost"),
        ("POST /x HTTP/1.1\r\nA: b\r\nHost: localhost\r\n\r\nbody", "localhost"),
        ("CONNECT example.com:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n", "2001:db8::1"),
        ("GET / HTTP/1.0\nHost:\t 192.0.2.1 \n\n", "192.0.2.1"),
    ])
    func hostOfARequestIsFound(request: String, host: String) {
        #expect(domain(request) == host)
    }

    @Test(arguments: [
        "PATCH / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
        "GET / HTTP/1.1\r\nHost: two words\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\u{1b}[31m\r\n\r\n", "GET / HTTP/1.1\r\n\r\nHost: body.example.com\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    ])
    func otherTextIsNotTakenForHTTP(text: String) {
        #expect(look(text) == .notThis)
    }

    @Test func headersAndTheRequestLineBecomeAttributes() {
        let verdict = look("GET /a?b=c HTTP/1.1\r\nUser-Agent: Probe 1\r\nHOST: example.com\r\n\r\n")
        let attributes = [
            ":method": "GET", ":path": "/a?b=c", "user-agent": "Probe 1", "host": "example.com",
        ]
        #expect(
            verdict == .found(.init(protocolName: "http1", domain: "example.com", attributes: attributes)))
    }

    @Test func hostThatIsCutOffIsWaitedFor() {
        #expect(look("GET / HTTP/1.1\r\nHost: exam") == .needsMore)
    }

    @Test func serverNameOfAClientHelloIsFound() throws {
        var sniffer = StreamSniffer()
        let verdict = sniffer.look(at: try #require(ByteBuffer(hex: SniffVectors.clientHello)))
        #expect(verdict == .found(.init(protocolName: "tls", domain: "localhost")))
    }

    @Test func bitTorrentIsFoundWithoutADomain() {
        #expect(look("\u{13}BitTorrent protocol????????") == .found(.init(protocolName: "bittorrent")))
        #expect(look("\u{13}BitTorrent protoc0l????????") == .notThis)
    }

    @Test(arguments: [
        SniffVectors.clientHello, hex("GET /x HTTP/1.1\r\nA: b\r\nHost: localhost\r\n\r\n"),
        hex("\u{13}BitTorrent protocol"),
    ])
    func cutAnywhereTheBeginningIsWaitedForAndTheWholeIsFound(input: String) throws {
        let whole = try #require(ByteBuffer(hex: input))
        var sniffer = StreamSniffer()
        var firstFound: Int?
        for count in 0...whole.readableBytes {
            var fresh = StreamSniffer()
            let part = try #require(whole.getSlice(at: 0, length: count))
            let verdict = sniffer.look(at: part)
            #expect(fresh.look(at: part) == verdict, "the answer depends on how \(count) bytes came")
            if case .found = verdict { firstFound = firstFound ?? count } else { #expect(verdict == .needsMore) }
        }
        #expect(firstFound != nil)
    }

    @Test func moreThanTheLimitIsNotLookedAt() {
        let header = "GET / HTTP/1.1\r\nA: " + String(repeating: "a", count: SniffLimits.bytes)
        #expect(look(header) == .notThis)
    }

    @Test func everyByteOfAClientHelloMayLie() throws {
        let whole = Array(try #require(ByteBuffer(hex: SniffVectors.clientHello)).readableBytesView)
        for index in whole.indices {
            for value: UInt8 in [0, 1, 0x7f, 0xff, whole[index] &+ 1] {
                var bytes = whole
                bytes[index] = value
                var sniffer = StreamSniffer()
                if case .found(let content) = sniffer.look(at: ByteBuffer(bytes: bytes)) {
                    #expect(content.domain.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
                }
            }
        }
    }
}

func hex(_ text: String) -> String {
    text.utf8.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}

extension ByteBuffer {
    init?(hex: String) {
        guard hex.utf8.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var rest = Substring(hex)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        self.init(bytes: bytes)
    }
}

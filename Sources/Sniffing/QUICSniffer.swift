// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// Reads the server name of a QUIC connection from its client's first datagrams (RFC 9000 section 17.2, RFC 9001).
///
/// A ClientHello may be spread over frames, packets and datagrams in any order; its pieces are kept, up to
/// ``SniffLimits/bytes``.
package struct QUICSniffer: Sendable {
    /// Initial packets that are opened of one datagram, of which clients make one or two. Each costs a few microseconds.
    private static let packetLimit = 8

    private var keys: (destination: ByteBuffer, keys: QUICInitialKeys)?
    private var message = CryptoStream()

    package init() {}

    package mutating func look(at datagram: ByteBuffer) -> SniffVerdict {
        var rest = datagram
        var sawInitial = false
        var destination: ByteBuffer?
        var count = 0
        while rest.readableBytes > 0, count < Self.packetLimit {
            guard let packet = QUICLongHeader(&rest) else { return sawInitial ? .needsMore : .notThis }
            // All packets of a datagram are of one connection; others are to be ignored (RFC 9000 section 12.2).
            guard destination == nil || packet.destination == destination else { continue }
            destination = packet.destination
            guard packet.isInitial else { continue }
            count += 1
            guard let frames = openKeys(packet).open(packet.bytes, numberOffset: packet.numberOffset),
                take(frames)
            else { return .notThis }
            sawInitial = true
            switch ClientHello.serverName(in: message.beginning) {
            case .name(let bytes):
                guard let name = ClientHello.hostName(bytes) else { return .notThis }
                return .found(SniffedContent(protocolName: "quic", domain: name))
            case .none, .malformed: return .notThis
            case .needsMore: break
            }
        }
        return sawInitial ? .needsMore : .notThis
    }

    private mutating func openKeys(_ packet: QUICLongHeader) -> QUICInitialKeys {
        if let keys, keys.destination == packet.destination { return keys.keys }
        let made = QUICInitialKeys(version: packet.version, destination: packet.destination)
        keys = (packet.destination, made)
        return made
    }

    /// Gathers what CRYPTO frames carry; false when there is a frame that an Initial packet may not have (section 12.4).
    private mutating func take(_ frames: ByteBuffer) -> Bool {
        var frames = frames
        while let type = frames.readInteger(as: UInt8.self) {
            switch type {
            case 0x00, 0x01:  // PADDING, PING
                break
            case 0x02, 0x03:  // ACK
                guard frames.readQUICInteger() != nil, frames.readQUICInteger() != nil,
                    let ranges = frames.readQUICInteger(), frames.readQUICInteger() != nil
                else { return false }
                for _ in 0..<(2 * ranges + (type == 0x03 ? 3 : 0)) {
                    guard frames.readQUICInteger() != nil else { return false }
                }
            case 0x06:  // CRYPTO
                guard let offset = frames.readQUICInteger(), let length = frames.readQUICInteger(),
                    let piece = frames.readSlice(length: length),
                    message.add(piece.readableBytesView, at: offset)
                else { return false }
            case 0x1c:  // CONNECTION_CLOSE
                guard frames.readQUICInteger() != nil, frames.readQUICInteger() != nil,
                    let length = frames.readQUICInteger(), frames.readSlice(length: length) != nil
                else { return false }
            default:
                return false
            }
        }
        return true
    }
}

/// A packet with a long header at the beginning of a datagram's rest.
private struct QUICLongHeader {
    let version: QUICVersion
    let isInitial: Bool
    let destination: ByteBuffer
    /// The packet, with its protection on.
    let bytes: ByteBufferView
    let numberOffset: Int

    /// Takes one packet off the datagram; nil when there is none, or not a whole one.
    init?(_ datagram: inout ByteBuffer) {
        var rest = datagram
        guard let first = rest.readInteger(as: UInt8.self), first & 0xc0 == 0xc0,
            let number = rest.readInteger(as: UInt32.self), let version = QUICVersion(rawValue: number),
            let destination = rest.readConnectionID(), rest.readConnectionID() != nil
        else { return nil }
        self.version = version
        self.destination = destination
        isInitial = first & 0x30 == 0
        // Only Initial packets have a token; a Retry packet, which has no length, comes from servers.
        if isInitial {
            guard let token = rest.readQUICInteger(), rest.readSlice(length: token) != nil else { return nil }
        }
        guard let length = rest.readQUICInteger(), length >= 4 else { return nil }
        numberOffset = rest.readerIndex - datagram.readerIndex
        guard let packet = datagram.readSlice(length: numberOffset + length) else { return nil }
        bytes = packet.readableBytesView
    }
}

extension ByteBuffer {
    /// At most twenty bytes behind their length.
    fileprivate mutating func readConnectionID() -> ByteBuffer? {
        guard let length = readInteger(as: UInt8.self), length <= 20 else { return nil }
        return readSlice(length: Int(length))
    }

    /// A variable-length integer (RFC 9000 section 16); nil for one above 65,535, which no length in an Initial packet is.
    fileprivate mutating func readQUICInteger() -> Int? {
        guard let first = readInteger(as: UInt8.self) else { return nil }
        var value = UInt64(first & 0x3f)
        for _ in 1..<(1 << (first >> 6)) {
            guard let byte = readInteger(as: UInt8.self) else { return nil }
            value = value << 8 | UInt64(byte)
        }
        return value <= 65_535 ? Int(value) : nil
    }
}

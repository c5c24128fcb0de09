// SPDX-License-Identifier: Apache-2.0
package import NIOCore
package import ProxyModel

/// A frame of Mux.Cool: metadata behind its length, then data behind theirs. Both sides write the same form.
package struct MuxFrame: Sendable, Equatable {
    package enum Status: UInt8, Sendable {
        /// Opens a session; only clients send it.
        case new = 1
        case keep = 2
        case end = 3
        /// Means nothing; keeps the connection from looking idle.
        case keepAlive = 4
    }

    private struct Option: OptionSet {
        let rawValue: UInt8
        static let data = Option(rawValue: 1)
        static let error = Option(rawValue: 2)
    }

    /// Data of one frame as this side writes them; the original's buffers have this size too.
    package static let dataLimit = 8192
    private static let metadataLimit = 512

    package var id: UInt16
    package var status: Status
    /// With `end`: the session failed.
    package var isError = false
    /// With `new`: where the session goes. With `keep`, of datagrams: where this one goes, or comes from.
    package var peer: Destination?
    /// With `new`, of datagrams: the source that they come from, the same on every connection; 0 = not told.
    package var globalID: UInt64 = 0
    package var data: ByteBuffer?

    package init(id: UInt16, status: Status, peer: Destination? = nil, data: ByteBuffer? = nil) {
        self.id = id
        self.status = status
        self.peer = peer
        self.data = data
    }

    /// The frame at the reader index, which moves behind it; nil when it is not complete yet.
    /// - Throws: for bytes that are no frame; the connection has to end.
    package static func read(_ buffer: inout ByteBuffer) throws(ProtocolError) -> MuxFrame? {
        var rest = buffer
        guard let length = rest.readInteger(as: UInt16.self) else { return nil }
        guard (4...metadataLimit).contains(Int(length)) else {
            throw ProtocolError(.malformed, "mux frame with metadata of \(length) bytes")
        }
        guard var metadata = rest.readSlice(length: Int(length)) else { return nil }
        guard let id = metadata.readInteger(as: UInt16.self), let code = metadata.readInteger(as: UInt8.self),
            let bits = metadata.readInteger(as: UInt8.self)
        else { throw ProtocolError(.malformed, "mux frame is cut off") }
        guard let status = Status(rawValue: code) else {
            throw ProtocolError(.malformed, "mux frame of unknown status \(code)")
        }
        let option = Option(rawValue: bits)
        var frame = MuxFrame(id: id, status: status)
        frame.isError = option.contains(.error)
        switch status {
        case .new:
            guard let peer = try readPeer(&metadata) else {
                throw ProtocolError(.malformed, "mux session without a target")
            }
            frame.peer = peer
            if peer.network == .udp { frame.globalID = metadata.readInteger() ?? 0 }
        case .keep where metadata.readableBytes > 0:
            guard let peer = try readPeer(&metadata), peer.network == .udp else {
                throw ProtocolError(.malformed, "mux datagram with a bad address")
            }
            frame.peer = peer
        case .keep, .end, .keepAlive: break
        }
        if option.contains(.data) {
            guard let count = rest.readInteger(as: UInt16.self) else { return nil }
            if frame.peer?.network == .udp, count > dataLimit {
                throw ProtocolError(.tooLarge, "mux datagram of \(count) bytes")
            }
            guard let data = rest.readSlice(length: Int(count)) else { return nil }
            frame.data = data
        }
        buffer = rest
        return frame
    }

    /// Nil when the metadata end within the target.
    private static func readPeer(_ metadata: inout ByteBuffer) throws(ProtocolError) -> Destination? {
        let network: Network
        switch metadata.readInteger(as: UInt8.self) {
        case 1: network = .tcp
        case 2: network = .udp
        case let code?: throw ProtocolError(.malformed, "mux target on unknown network \(code)")
        case nil: return nil
        }
        guard let (address, port) = try AddressForm.portFirst.read(&metadata) else { return nil }
        return Destination(network: network, address: address, port: port)
    }

    /// Everything of the frame but its data, which have to follow at once. False, with nothing written, for a domain that does
    /// not fit, or for data beyond ``dataLimit``.
    @discardableResult
    package func writeHead(to buffer: inout ByteBuffer) -> Bool {
        let count = data?.readableBytes ?? 0
        guard count <= Self.dataLimit else { return false }
        let start = buffer.writerIndex
        var option = Option()
        if isError { option.insert(.error) }
        if data != nil { option.insert(.data) }
        buffer.writeInteger(UInt16(0))
        buffer.writeInteger(id)
        buffer.writeInteger(status.rawValue)
        buffer.writeInteger(option.rawValue)
        if let peer {
            buffer.writeInteger(peer.network == .udp ? UInt8(2) : 1)
            guard AddressForm.portFirst.write(peer.address, port: peer.port, to: &buffer) else {
                buffer.moveWriterIndex(to: start)
                return false
            }
            if status == .new, globalID != 0 { buffer.writeInteger(globalID) }
        }
        buffer.setInteger(UInt16(buffer.writerIndex - start - 2), at: start)
        if data != nil { buffer.writeInteger(UInt16(count)) }
        return true
    }
}

extension Destination {
    /// The name that asks a server to read mux frames from the stream, in place of connecting; the port means nothing.
    package static let mux = Destination(network: .tcp, address: .domain("v1.mux.cool"), port: 9527)

    package var isMuxRequest: Bool { address.domain == "v1.mux.cool" }
}

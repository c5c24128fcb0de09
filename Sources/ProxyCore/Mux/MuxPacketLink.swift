// SPDX-License-Identifier: Apache-2.0
import NIOCore
import ProxyModel

/// The datagrams of one source in one of an outbound's mux connections (XUDP), so that far ends see one address. Confined to
/// its event loop.
final class MuxPacketLink: PacketLink {
    private let carrier: MuxCarrier
    private let globalID: UInt64
    private var packets: MuxPackets?
    private var receive: ((Packet) -> Void)?
    private var failed: ((any Error) -> Void)?

    init(_ carrier: MuxCarrier, globalID: UInt64) {
        self.carrier = carrier
        self.globalID = globalID
    }

    func start(receive: @escaping (Packet) -> Void, failed: @escaping (any Error) -> Void) {
        self.receive = receive
        self.failed = failed
    }

    func send(_ packet: Packet) {
        if let packets { return packets.send(packet) }
        guard let packets = carrier.openPackets(to: packet.peer) else {
            failed?(DialError(description: "the mux connection is closed"))
            return
        }
        self.packets = packets
        packets.onReceive = receive
        packets.onClose = { [weak self] in self?.failed?(DialError(description: "the server ended the datagrams")) }
        packets.send(packet, status: .new, globalID: globalID)
    }

    func close() {
        failed = nil
        receive = nil
        packets?.close()
        packets = nil
    }
}

// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// How far a stream has left the TLS that it came through, each way (XTLS direct copy). Confined to its channel's event loop.
struct DirectCopy {
    private let codec: any DirectCopyCodec
    private let gate: RecordGate
    private(set) var readsPastTLS = false
    private(set) var writesPastTLS = false

    /// Nil when the codec never leaves TLS, or when there is none to leave; records need not be told apart then.
    init?(_ codec: (any StreamCodec)?, in context: ChannelHandlerContext) {
        guard let gate = RecordGate.find(in: context) else { return nil }
        guard let codec = codec as? any DirectCopyCodec else {
            gate.stopSplitting()
            return nil
        }
        self.init(codec, gate)
    }

    init(_ codec: any DirectCopyCodec, _ gate: RecordGate) {
        self.codec = codec
        self.gate = gate
    }

    /// Below TLS, where writes go in that pass it by.
    var outlet: ChannelHandlerContext? { gate.context }

    /// Follows the codec, which has read a chunk, when it leaves TLS behind for what comes in.
    mutating func followReads(_ bypass: () -> RecordGate.Bypass) {
        guard !readsPastTLS else { return }
        if codec.readsDirect {
            readsPastTLS = true
            gate.passInput(bypass())
        } else if codec.readsPlain {
            gate.stopSplitting()
        }
    }

    /// The codec, which has written a chunk, leaves TLS behind for what goes out. What was written so far has to be sealed first.
    var leavesForWrites: Bool { !writesPastTLS && codec.writesDirect }

    mutating func passWrites() { writesPastTLS = true }
}

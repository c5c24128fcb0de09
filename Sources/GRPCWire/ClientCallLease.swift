// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization

/// What the user of a call holds: when it is let go, a call that still runs is cancelled.
final class ClientCallLease: Sendable {
    let inbound: InboundMessageQueue
    let call: NIOLoopBoundBox<ClientCall>
    private let eventLoop: any EventLoop
    private let isLetGo = Atomic(false)

    init(_ call: sending ClientCall, eventLoop: any EventLoop) {
        let box = NIOLoopBoundBox.makeBoxSendingValue(call, eventLoop: eventLoop)
        self.call = box
        self.eventLoop = eventLoop
        let inbound = InboundMessageQueue {
            eventLoop.execute { box.value.inboundDrained() }
        }
        self.inbound = inbound
        eventLoop.execute { box.value.inbound = inbound }
    }

    deinit { cancel() }

    func cancel() {
        guard !isLetGo.exchange(true, ordering: .relaxed) else { return }
        eventLoop.execute { [call] in
            call.value.cancel(GRPCStatus(.cancelled, "context canceled"))
            call.value.inbound = nil
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Runs the handlers of calls.
extension ServerConnection {
    private func context(of call: ServerCall, _ registration: GRPCHandlerTable.Method) -> GRPCCallContext {
        GRPCCallContext(registration: registration, fields: call.fields, connection: peer, deadline: call.deadline)
    }

    func run(_ call: ServerCall, _ message: ByteBuffer) {
        guard let registration = call.registration else { return }
        switch registration.handler {
        case .inline(let body):
            do throws(GRPCStatus) {
                finish(call, try body(message, context(of: call, registration)))
            } catch {
                answer(call, error)
            }
        case .async(let body):
            let context = context(of: call, registration)
            let copy = ByteBuffer(bytes: message.readableBytesView)
            startTask(of: call) { bound in
                let result: Result<ByteBuffer, GRPCStatus>
                do { result = .success(try await body(copy, context)) } catch { result = .failure(GRPCStatus(error)) }
                return {
                    switch result {
                    case .success(let reply): bound.value.connection?.finish(bound.value, reply)
                    case .failure(let status): bound.value.connection?.answer(bound.value, status)
                    }
                }
            }
        case .streaming:
            // Started by the headers.
            break
        }
    }

    func startStreaming(_ call: ServerCall, _ body: @escaping GRPCHandlerTable.Streaming) {
        guard let registration = call.registration else { return }
        call.isShared = true
        let bound = NIOLoopBound(call, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let inbound = InboundMessageQueue {
            eventLoop.execute {
                guard let connection = bound.value.connection, bound.value.inbound != nil else { return }
                connection.creditHeld(bound.value)
                connection.handler?.outputAdded()
            }
        }
        call.inbound = inbound
        let context = context(of: call, registration)
        let writer = GRPCOutboundWriter { operation in
            eventLoop.execute { bound.value.perform(operation) }
        }
        startTask(of: call) { bound in
            let status: GRPCStatus
            do {
                try await body(GRPCInboundStream(queue: inbound), writer, context)
                status = GRPCStatus(.ok, "")
            } catch {
                status = GRPCStatus(error)
            }
            return { bound.value.connection?.answer(bound.value, status) }
        }
    }

    /// Runs `body` in a task of the call, and what it returns on the event loop.
    private func startTask(
        of call: ServerCall, _ body: @escaping @Sendable (NIOLoopBound<ServerCall>) async -> @Sendable () -> Void
    ) {
        guard server.enterHandler() else {
            answer(call, GRPCStatus(.resourceExhausted, "too many calls are running"))
            return
        }
        call.isShared = true
        let bound = NIOLoopBound(call, eventLoop: eventLoop)
        call.task = Task { [server, eventLoop] in
            let completion = await body(bound)
            server.leaveHandler()
            eventLoop.execute(completion)
        }
    }
}

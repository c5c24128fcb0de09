// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Synchronization

/// The contexts of all event loops of the data path, fixed at start.
final class LoopSet: Sendable {
    let group: any EventLoopGroup
    let contexts: [LoopContext]
    private let byLoop: [ObjectIdentifier: LoopContext]
    private let turn = Atomic<Int>(0)

    init(group: any EventLoopGroup) {
        self.group = group
        contexts = group.makeIterator().map(LoopContext.init)
        byLoop = Dictionary(uniqueKeysWithValues: contexts.map { (ObjectIdentifier($0.eventLoop), $0) })
    }

    func context(of eventLoop: any EventLoop) -> LoopContext? {
        byLoop[ObjectIdentifier(eventLoop)]
    }

    /// One after the other, for sockets that are not accepted from a listener.
    func next() -> LoopContext {
        let index = turn.add(1, ordering: .relaxed).oldValue
        return contexts[Int(UInt(bitPattern: index) % UInt(contexts.count))]
    }

    /// Runs `body` once on each loop and gathers the results.
    func gather<Value: Sendable>(_ body: @escaping @Sendable (LoopContext) -> Value) async -> [Value] {
        var values: [Value] = []
        for context in contexts {
            if let value = try? await context.eventLoop.submit({ body(context) }).get() { values.append(value) }
        }
        return values
    }
}

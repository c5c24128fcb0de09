// SPDX-License-Identifier: Apache-2.0
package import ProxyModel

/// The events that scripts can wait for.
package enum EventCatalog {
    package struct Entry: Sendable, Equatable {
        package let name: String
        package let fields: [String]
        package let text: String
        let topic: CoreEvent.Topics
    }

    package static let all: [Entry] = [
        Entry("user.added", ["inbound", "email"], "A user was added to an inbound.", .users),
        Entry("user.removed", ["inbound", "email"], "A user was removed from an inbound.", .users),
        Entry(
            "user.online", ["email", "source"],
            "The first connection of a user from an address, where the user's policy has `statsUserOnline`.", .presence),
        Entry("user.offline", ["email", "source"], "The last connection from that address has ended.", .presence),
        Entry("flow.opened", flow, "A connection, or one source's datagrams, found its outbound.", .flows),
        Entry("flow.closed", flow + ["up", "down"], "It has ended, with the payload bytes that it moved.", .flows),
        Entry(
            "connection.rejected", ["inbound", "source", "reason"],
            "A handshake was refused: a wrong key, an unknown user, no proxy protocol at all, silence.", .flows),
        Entry("inbound.added", ["tag"], "An inbound was added.", .handlers),
        Entry("inbound.removed", ["tag"], "An inbound was removed.", .handlers),
        Entry("outbound.added", ["tag"], "An outbound was added.", .handlers),
        Entry("outbound.removed", ["tag"], "An outbound was removed.", .handlers),
        Entry("rule.changed", [], "Routing rules were added or removed.", .routing),
        Entry(
            "balancer.changed", ["tag", "target", "outbounds"],
            "A balancer was set to a target or set free (`\"\"`), chooses among other outbounds than before since outbounds, rules or"
                + " the configuration changed, is new, or is gone (no outbounds).", .routing),
        Entry(
            "log", ["level", "module", "message"],
            "A line of the core's error log, as far as the log's own level lets it through. In a filter `level` means: at least as"
                + " serious. Lines that scripts write are left out.", .log),
        Entry("logger.restarted", [], "The log files were opened anew.", .service),
        Entry(
            "config.reloaded", ["changes", "by"],
            "The configuration's files were read again and applied: how many things became different, and who asked for it.",
            .service),
        Entry(
            "script.*", ["script"],
            "Another script has raised it with `events.raise`, with fields of its own; `script` tells which one.",
            .scripts),
        Entry("start", ["reason"], "The script has been loaded: `start`, `reload` or `enabled`.", []),
        Entry("stop", ["reason"], "The script is about to end: `stop`, `reload` or `disabled`.", []),
    ]

    private static let flow = ["id", "inbound", "outbound", "email", "source", "target"]
}

extension EventCatalog.Entry {
    fileprivate init(_ name: String, _ fields: [String], _ text: String, _ topic: CoreEvent.Topics) {
        self.init(name: name, fields: fields, text: text, topic: topic)
    }
}

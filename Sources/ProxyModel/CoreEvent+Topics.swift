// SPDX-License-Identifier: Apache-2.0

extension CoreEvent {
    /// What an event is about. Readers name the topics that they want; events that nobody wants need not be built.
    package struct Topics: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Inbounds and outbounds that come and go.
        package static let handlers = Topics(rawValue: 1)
        /// Users that are added and removed.
        package static let users = Topics(rawValue: 2)
        /// Users that come online and go offline.
        package static let presence = Topics(rawValue: 4)
        /// Rules and balancers.
        package static let routing = Topics(rawValue: 8)
        /// Flows that open and close, and connections that are refused.
        package static let flows = Topics(rawValue: 16)
        /// Lines of the error log.
        package static let log = Topics(rawValue: 32)
        /// What concerns the process: its logger, its configuration.
        package static let service = Topics(rawValue: 64)
        /// What scripts raise for each other.
        package static let scripts = Topics(rawValue: 128)

        package static let all: Topics = [.handlers, .users, .presence, .routing, .flows, .log, .service, .scripts]
    }
}

extension CoreEvent.Kind {
    package var topic: CoreEvent.Topics {
        switch self {
        case .inboundAdded, .inboundRemoved, .outboundAdded, .outboundRemoved: .handlers
        case .userAdded, .userRemoved: .users
        case .userOnline, .userOffline: .presence
        case .rulesChanged, .balancerChanged: .routing
        case .flowOpened, .flowClosed, .connectionRejected: .flows
        case .logLine: .log
        case .loggerRestarted, .configurationReloaded: .service
        case .script: .scripts
        }
    }
}

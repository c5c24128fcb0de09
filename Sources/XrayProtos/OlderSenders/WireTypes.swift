// SPDX-License-Identifier: Apache-2.0

/// Finds fields whose wire type is not that of their number today: they would be skipped in silence.
enum WireTypes {
    /// Looks through a message and all messages in it, those in TypedMessages too.
    static func check(
        _ message: WireMessage, _ descriptor: MessageDescriptor, depth: Int = 0
    ) throws(OlderSenders.Refusal) {
        guard depth < ProtoLimits.depth else { return }
        for wire in message.fields {
            if let name = OlderSenders.dropped[descriptor.fullName]?[wire.number], wire.value != .varint(0) {
                throw OlderSenders.Refusal(
                    description: "\(descriptor.fullName).\(name) of an older release is not supported")
            }
            guard let field = descriptor.field(number: wire.number) else { continue }
            guard fits(wire.value, field) else {
                throw OlderSenders.Refusal(
                    description: "\(descriptor.fullName): field \(field.number) is no \(field.name): "
                        + "the request is of a release with other fields")
            }
            guard case .delimited(let content) = wire.value, field.kind == .message, let type = field.messageType,
                let part = WireMessage(content)
            else { continue }
            try check(part, type, depth: depth + 1)
        }
        guard descriptor.fullName == Xray_Common_Serial_TypedMessage.protoMessageName,
            let name = message.delimited(1).last, let content = message.delimited(2).last,
            let type = DescriptorPool.shared.message(String(decoding: name, as: UTF8.self)),
            let part = WireMessage(content)
        else { return }
        try check(part, type, depth: depth + 1)
    }

    private static func fits(_ value: WireMessage.Value, _ field: FieldDescriptor) -> Bool {
        switch (value, field.wireType) {
        case (.varint, .varint), (.delimited, .lengthDelimited): true
        case (.fixed(let bytes), .fixed64): bytes.count == 8
        case (.fixed(let bytes), .fixed32): bytes.count == 4
        case (.delimited, _): field.cardinality == .list && field.isPackable
        default: false
        }
    }
}

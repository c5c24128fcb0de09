// SPDX-License-Identifier: Apache-2.0

extension OlderSenders {
    /// ReceiverConfig. `port_range` was field 1 until v1.5.1; `allocation_strategy` was 3, `stream_settings` 4,
    /// `receive_original_destination` 5 until v25.10.15; `domain_override` was 7 and `sniffing_settings` 8 until v24.9.16, then
    /// 7 until v25.10.15.
    static func receiver(_ message: inout WireMessage) throws(Refusal) {
        var isOld = false
        for index in message.fields.indices where message.fields[index].number == 1 {
            guard case .delimited(let content) = message.fields[index].value, let range = WireMessage(content),
                range.number(1) != nil || range.number(2) != nil
            else { continue }
            isOld = true
            var list = WireMessage()
            list.append(1, content)
            message.fields[index].value = .delimited(list.bytes)
        }
        let streams = message.delimited(4)
        isOld = isOld || !streams.isEmpty || message.contains(5) || message.contains(7) || message.contains(8)
        if isOld {
            try allocation(message.delimited(3))
            message.remove(3)
            let takesOriginal = message.number(5)
            let sniffing = try sniffing(in: message)
            for number in 4...8 { message.remove(number) }
            for stream in streams { message.append(3, stream) }
            if let takesOriginal { message.append(4, takesOriginal) }
            if let sniffing { message.append(6, sniffing.bytes) }
        } else if let stream = message.delimited(3).first.flatMap({ WireMessage($0) }), stream.number(1) != nil {
            throw Refusal(
                description: "ReceiverConfig.allocation_strategy (field 3 before v25.10.15) is not supported")
        }
        try updateEach(3, in: &message) { (stream: inout WireMessage) throws(Refusal) in try streamConfig(&stream) }
        try updateEach(6, in: &message) { (config: inout WireMessage) throws(Refusal) in sniffingConfig(&config) }
    }

    /// Ports were all in use with the strategy 0; the others changed them as time went by.
    private static func allocation(_ parts: [[UInt8]]) throws(Refusal) {
        for part in parts where WireMessage(part)?.number(1) ?? 0 != 0 {
            throw Refusal(
                description: "ReceiverConfig.allocation_strategy (field 3 before v25.10.15) is not supported")
        }
    }

    private static func sniffing(in message: WireMessage) throws(Refusal) -> WireMessage? {
        if let config = message.delimited(8).last { return WireMessage(config) }
        guard message.contains(7) else { return message.delimited(6).last.flatMap { WireMessage($0) } }
        let settings = message.delimited(7)
        // Packed numbers of protocols, 0 for HTTP and 1 for TLS: no message begins with such a byte.
        let isOverride = settings.allSatisfy { $0.allSatisfy { $0 <= 1 } }
        guard isOverride else { return settings.last.flatMap { WireMessage($0) } }
        var config = WireMessage()
        config.append(1, 1)
        var protocols = settings.flatMap { $0.map(UInt64.init) }
        for field in message.fields where field.number == 7 {
            if case .varint(let value) = field.value { protocols.append(value) }
        }
        guard !protocols.isEmpty else { return nil }
        for name in protocols { config.append(2, Array((name == 0 ? "http" : "tls").utf8)) }
        return config
    }

    /// `domains_excluded` was text until v26.4.13: a name, or an expression after `regexp:`.
    private static func sniffingConfig(_ config: inout WireMessage) {
        for index in config.fields.indices where config.fields[index].number == 3 {
            guard case .delimited(let content) = config.fields[index].value, isText(content) else { continue }
            let text = String(decoding: content, as: UTF8.self)
            let isRegexp = text.hasPrefix("regexp:")
            var domain = WireMessage()
            domain.append(1, isRegexp ? 1 : 3)
            domain.append(2, Array((isRegexp ? String(text.dropFirst(7)) : text.lowercased()).utf8))
            var rule = WireMessage()
            rule.append(2, domain.bytes)
            config.fields[index].value = .delimited(rule.bytes)
        }
    }

    /// The transport was a number in field 1 before it had a name.
    private static func streamConfig(_ stream: inout WireMessage) throws(Refusal) {
        guard let number = stream.number(1) else { return }
        stream.remove(1)
        guard !stream.contains(5) else { return }
        switch number {
        case 0: break
        case 2: stream.append(5, Array("mkcp".utf8))
        case 3: stream.append(5, Array("websocket".utf8))
        default:
            throw Refusal(description: "StreamConfig.protocol \(number) of an older release is not supported")
        }
    }

    static func updateEach(
        _ number: Int, in message: inout WireMessage, _ body: (inout WireMessage) throws(Refusal) -> Void
    ) throws(Refusal) {
        for index in message.fields.indices where message.fields[index].number == number {
            guard case .delimited(let content) = message.fields[index].value, var part = WireMessage(content) else {
                continue
            }
            try body(&part)
            message.fields[index].value = .delimited(part.bytes)
        }
    }
}

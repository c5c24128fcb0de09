// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import XrayProtos

extension Library {
    /// The calls of the API, described by their descriptors.
    static let operationReference: [LibraryEntry] = ControlOperations.all.map(entry)

    private static func entry(_ operation: ControlOperation) -> LibraryEntry {
        let pool = DescriptorPool.shared
        let request = pool.message(operation.requestType)
        let response = pool.message(operation.responseType)
        let name = "\(tableName(of: operation.service)).\(operation.method)"
        let fields = request?.fields.map(\.name) ?? []
        let arguments = fields.isEmpty ? "{}" : "{ \(fields.joined(separator: ", ")) }"
        var isStream = false
        var waits = false
        switch operation.body {
        case .immediate: break
        case .deferred: waits = true
        case .serverStream: isStream = true
        }
        var text = "Calls `\(operation.service.fullName)/\(operation.method)`"
        text += operation.isChange ? ", which changes the core." : "."
        text += list("Takes", request)
        text +=
            isStream
            ? list("Gives a stream, whose `stream:next()` gives", response) : list("Gives", response)
        if let note = notes[name] { text += " " + note }
        return LibraryEntry(
            name, "\(name)\(arguments) -> \(isStream ? "stream" : "answer")", text, example: examples[name] ?? "",
            waits: waits)
    }

    private static func list(_ verb: String, _ type: MessageDescriptor?) -> String {
        guard let type, !type.fields.isEmpty else { return "" }
        let fields = type.fields.map { "`\($0.name)` (\(kind(of: $0)))" }
        return " \(verb) \(fields.joined(separator: ", "))."
    }

    private static func kind(of field: FieldDescriptor) -> String {
        switch field.cardinality {
        case .single: single(field)
        case .list: "list of \(single(field))"
        case .map: "table of \(field.messageType?.mapValue.map(single) ?? "values") by name"
        }
    }

    private static func single(_ field: FieldDescriptor) -> String {
        switch field.kind {
        case .double, .float: "number"
        case .bool: "boolean"
        case .string: "string"
        case .bytes: "bytes as a string"
        case .enumeration:
            "one of " + (field.enumType?.values.map { "`\($0.name)`" }.joined(separator: ", ") ?? "its names")
        case .message: field.typeName ?? "table"
        default: "integer"
        }
    }

    private static let notes = [
        "handler.AddInbound": "Instead of the message an object of the configuration's `inbounds` will do.",
        "handler.AddOutbound": "Instead of the message an object of the configuration's `outbounds` will do.",
        "routing.AddRule":
            "Instead of the message an object of the configuration's `routing.rules` will do, or `{ rules = { … } }`;"
            + " they are put behind the rules that there are, unless `shouldAppend` is false.",
    ]

    private static let examples = [
        "handler.AlterInbound": """
        handler.AlterInbound{
            tag = "vless-in",
            operation = { _type = "xray.app.proxyman.command.RemoveUserOperation", email = "a@example.com" },
        }
        """,
        "stats.QueryStats": """
        for _, stat in ipairs(stats.QueryStats{ pattern = "user>>>", reset = false }.stat) do
            print(stat.name, stat.value)
        end
        """,
        "routing.SubscribeRoutingStats": """
        local stream = routing.SubscribeRoutingStats{}
        for context in function() return stream:next() end do print(context.InboundTag, context.OutboundTag) end
        """,
        "routing.OverrideBalancerTarget":
            #"routing.OverrideBalancerTarget{ balancerTag = "fast", target = "out-2" }"#,
    ]
}

// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import LuaRuntime
import XrayProtos

/// What a text can be completed with.
package struct ConsoleCompletion: Sendable, Equatable {
    /// How many bytes before the cursor each candidate replaces.
    package var replaced: Int
    /// In order, each whole.
    package var candidates: [String]
    /// There are more than these.
    package var hasMore: Bool
}

/// Finds completions: names from the Lua state, fields from the types of the API's requests, and in strings the tags, e-mails and
/// counters of the core.
///
/// A string costs a walk over the users or the counters, some 100 ms with 100,000 of them, off the event loops and the Lua threads.
struct ConsoleCompleter {
    /// More candidates than this are of no use to a person.
    static let most = 200

    private static let keywords = [
        "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
        "not", "or", "repeat", "return", "then", "true", "until", "while",
    ]

    let control: any ControlPlane

    func complete(_ context: CompletionContext, members: [LuaState.Member]) async -> ConsoleCompletion {
        var candidates: Set<String>
        switch context.kind {
        case .name: candidates = names(context, members)
        case .field:
            candidates = fields(of: context.function)
            if candidates.isEmpty || !context.prefix.isEmpty { candidates.formUnion(names(context, members)) }
        case .text: candidates = await texts(context)
        }
        candidates = candidates.filter { $0.hasPrefix(context.prefix) }
        let sorted = candidates.sorted()
        return ConsoleCompletion(
            replaced: context.prefix.utf8.count, candidates: Array(sorted.prefix(Self.most)),
            hasMore: sorted.count > Self.most)
    }

    private func names(_ context: CompletionContext, _ members: [LuaState.Member]) -> Set<String> {
        var names = Set(members.map { $0.type == "function" ? $0.name + "(" : $0.name })
        if context.path.isEmpty, !context.prefix.isEmpty { names.formUnion(Self.keywords) }
        // A metamethod is nothing to type.
        return context.prefix.hasPrefix("_") ? names : names.filter { !$0.hasPrefix("_") }
    }

    private func fields(of function: String) -> Set<String> {
        guard
            let operation = ControlOperations.all.first(where: {
                "\(Library.tableName(of: $0.service)).\($0.method)" == function
            }), let type = DescriptorPool.shared.message(operation.requestType)
        else { return Set(Self.parameters(of: function, between: "{", "}").map { "\($0) = " }) }
        return Set(type.fields.map { "\($0.name) = " })
    }

    private func texts(_ context: CompletionContext) async -> Set<String> {
        let parameter = Self.parameter(context)
        var found: Set<String> = []
        if parameter == .tag || parameter == nil { found.formUnion(await tags()) }
        if parameter == .email || parameter == nil { found.formUnion(await emails()) }
        if parameter == .counter || (parameter == nil && context.prefix.count > 2) {
            found.formUnion(await counters(context.prefix))
        }
        return found
    }

    private enum Parameter { case tag, email, counter }

    /// What the field or the argument that is being typed stands for, by its name; nil when that says nothing.
    private static func parameter(_ context: CompletionContext) -> Parameter? {
        var name = context.field
        if name.isEmpty {
            let names = parameters(of: context.function, between: "(", ")")
            guard names.indices.contains(context.argument - 1) else { return nil }
            name = names[context.argument - 1]
        }
        switch name.lowercased() {
        case "email": return .email
        case "inbound", "outbound": return .tag
        case "name", "pattern": return context.function.hasPrefix("stats.") ? .counter : nil
        case let name: return name.hasSuffix("tag") ? .tag : nil
        }
    }

    /// The names in the signature of a function of the library: `email`, `user` of `users.add(inbound, user)`.
    private static func parameters(of function: String, between opening: Character, _ closing: Character) -> [String] {
        guard let signature = LibraryReference.entry(named: function)?.signature,
            let start = signature.firstIndex(of: opening),
            let end = signature[start...].firstIndex(of: closing)
        else { return [] }
        return signature[start..<end].split { !($0.isLetter || $0 == "_") }.map(String.init)
    }

    private func tags() async -> Set<String> {
        let inbounds = (try? await control.listInbounds(.init()).inbounds.map(\.tag)) ?? []
        let outbounds = (try? await control.listOutbounds(.init()).outbounds.map(\.tag)) ?? []
        return Set(inbounds + outbounds).subtracting([""])
    }

    private func emails() async -> Set<String> {
        var emails: Set<String> = []
        for inbound in (try? await control.listInbounds(.init()).inbounds) ?? [] {
            var request = Xray_App_Proxyman_Command_GetInboundUserRequest()
            request.tag = inbound.tag
            for user in (try? await control.getInboundUsers(request).users) ?? [] where !user.email.isEmpty {
                emails.insert(user.email)
            }
        }
        return emails
    }

    /// The counters that begin so, up to the next `>>>`: nobody can read a list of all.
    private func counters(_ prefix: String) async -> Set<String> {
        var request = Xray_App_Stats_Command_QueryStatsRequest()
        request.pattern = prefix
        var found: Set<String> = []
        for stat in (try? await control.queryStats(request).stat) ?? [] where stat.name.hasPrefix(prefix) {
            let rest = stat.name.dropFirst(prefix.count)
            let end = rest.firstRange(of: ">>>")?.upperBound ?? rest.endIndex
            found.insert(String(stat.name[..<end]))
        }
        return found
    }
}

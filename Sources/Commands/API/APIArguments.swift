// SPDX-License-Identifier: Apache-2.0

/// Turns Go's way of writing options into the usual one: `-name` is `--name`, `-x=v` is `-x v`, `-flag=false` is nothing.
package enum APIArguments {
    /// Arguments after `--` stay as they are. A token that follows an option is left alone only if it does not begin with a
    /// dash: values that do must be written `-name=-value`.
    package static func normalized(_ arguments: [String]) -> [String] {
        var result: [String] = []
        for (index, argument) in arguments.enumerated() {
            if argument == "--" { return result + arguments[index...] }
            result += normalized(argument)
        }
        return result
    }

    /// What `-json` becomes, to tell it from `--json`.
    static let plainJSON = "plain-json"

    private static let flags: Set<Substring> = [
        "reset", "append", "include-traffic", "all", "json", "remove", "r", "dump", "test", "version", "h", "help",
        "close", "dry-run",
    ]

    private static func normalized(_ argument: String) -> [String] {
        guard argument.hasPrefix("-"), argument.count > 1 else { return [argument] }
        let body = argument.drop { $0 == "-" }
        guard argument.count - body.count <= 2, let first = body.first, first.isLetter else { return [argument] }
        let name = body.prefix { $0 != "=" }
        let isPlain = name == "json" && argument.count - body.count == 1
        let option = isPlain ? "--\(plainJSON)" : name.count == 1 ? "-\(name)" : "--\(name)"
        guard name.count < body.count else { return [option] }
        let value = String(body.dropFirst(name.count + 1))
        if flags.contains(name), let isSet = truth(value) { return isSet ? [option] : [] }
        return name.count == 1 ? [option, value] : ["\(option)=\(value)"]
    }

    /// What Go's flag package takes for a truth value.
    private static func truth(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }
}

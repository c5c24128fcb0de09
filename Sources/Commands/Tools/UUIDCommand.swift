// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import ProxyModel

struct UUIDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uuid", abstract: "Print a new random user id, or the id that a text stands for.",
        discussion: "Example: tidegate uuid -i example")

    @Option(
        name: [.customShort("i"), .customLong("input")], help: "A text of 1 to 30 bytes, mapped to an id (version 5).")
    var text: String?

    func run() throws {
        guard let text else {
            print(UUID().uuidString.lowercased())
            return
        }
        guard let id = UserID(text) else {
            throw ValidationError("not a user id and not a text of 1 to 30 bytes: \"\(text)\"")
        }
        print(id)
    }
}

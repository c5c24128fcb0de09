-- SPDX-License-Identifier: Apache-2.0
--
-- Users that a script has taken out of their inbounds and will put back as they were. Copies are kept in the script's store.

local M = {}
M.__index = M

-- tags: the inbounds to manage; nil for all that have users.
function M.new(tags)
    local removed = {}
    for key, copies in pairs(store.list("removed/")) do removed[key:sub(#"removed/" + 1)] = copies end
    return setmetatable({ own_tags = tags, removed = removed, told = {} }, M)
end

function M:tags()
    if self.own_tags then return self.own_tags end
    local tags = {}
    for _, inbound in ipairs(inbounds.list()) do
        if pcall(users.count, inbound.tag) then tags[#tags + 1] = inbound.tag end
    end
    return tags
end

function M:warn_once(text)
    if not self.told[text] then log.warning(text) end
    self.told[text] = true
end

function M:has(email) return self.removed[email] ~= nil end

function M:emails()
    local list = {}
    for email in pairs(self.removed) do list[#list + 1] = email end
    table.sort(list)
    return list
end

local function take(self, email, tag)
    local found, user = pcall(users.get, tag, email)
    if not found then self:warn_once(("inbound %s cannot be asked for its users: %s"):format(tag, user)) end
    if not found or not user then return false end
    -- The copy is stored before the user goes, so that no end of the process can lose it.
    local copies = self.removed[email] or {}
    copies[tag] = user
    self.removed[email] = copies
    store.set("removed/" .. email, copies)
    local done, message = users.remove(tag, email)
    if not done then self:warn_once(("%s cannot be removed from %s: %s"):format(email, tag, message)) end
    return done
end

-- Takes the user out of the inbounds (`tags`, or all); tells where the user was.
function M:remove(email, tags)
    local gone = {}
    for _, tag in ipairs(tags or self:tags()) do
        if take(self, email, tag) then gone[#gone + 1] = tag end
    end
    return gone
end

-- Puts the user back; tells whether the user is back in all of them.
function M:restore(email)
    local copies = self.removed[email] or {}
    for tag, user in pairs(copies) do
        local done, message = users.add(tag, user)
        if done or message:find("already exists", 1, true) then
            copies[tag] = nil
            log.info(("%s is back in %s"):format(email, tag))
        else
            self:warn_once(("%s cannot be added back to %s: %s"):format(email, tag, message))
        end
    end
    if next(copies) then
        store.set("removed/" .. email, copies)
        return false
    end
    self.removed[email] = nil
    store.delete("removed/" .. email)
    return true
end

return M

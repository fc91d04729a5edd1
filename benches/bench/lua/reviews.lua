-- Posts reviews of random restaurants. Each review is different. The first argument is the number of restaurants. The
-- other arguments, if any, are the token and the cookie that Django requires with a form.
dofile("benches/bench/lua/report.lua")

local restaurants, token, cookie
local number = 0
local run = os.time()
local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }

function init(arguments)
  restaurants, token, cookie = tonumber(arguments[1]), arguments[2], arguments[3]
  if cookie then headers["Cookie"] = cookie end
  math.randomseed(run)
end

function request()
  number = number + 1
  local body = string.format(
    "form_id=%d-%d&user_name=Ada+%d&rating=%d&review_text=The+soup+of+day+%d+was+worth+the+walk+through+the+rain.",
    run, number, number, number % 5 + 1, number
  )
  if token then body = body .. "&csrfmiddlewaretoken=" .. token end
  return wrk.format("POST", "/review/" .. math.random(restaurants), headers, body)
end

-- Requests at human pace: each connection waits up to 0.6 seconds before its next request.
dofile("benches/bench/lua/report.lua")

function init()
  math.randomseed(os.time())
end

function delay()
  return math.random(0, 600)
end

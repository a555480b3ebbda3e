"""Columns of the two tables that kernels share: one row a splat, one row a camera."""

TILE = 16  # pixels; a tile is one task
LANES = 8  # pixels that a kernel treats as one vector

# A splat is not stored as a conic but as (a, s, q): sigma = ½a(dx + s·dy)² + ½q·dy². Of the projected
# covariance [[A, B], [B, D]], a = D/(AD − B²), s = −B/D, q = 1/D. The conic terms of a long thin diagonal
# splat cancel to nothing in float32; here nothing cancels, and a row of pixels has its middle at hand.
COEF_A, COEF_S, COEF_Q = 0, 1, 2
OPACITY = 3  # with the antialiasing compensation
SIGMA_MAX = 4  # sigma at which alpha falls to 1/255
REACH_Y = 5  # pixels from the centre to the last row that alpha ≥ 1/255 reaches
TWO_OVER_A = 6
RED, GREEN, BLUE, DEPTH = 7, 8, 9, 10
RECORD = 12  # floats a row, 48 bytes

# A camera: its rotation at 0..8, its translation at 9..11, then
FX, FY, CX, CY = 12, 13, 14, 15
LIM_X0, LIM_X1, LIM_Y0, LIM_Y1 = 16, 17, 18, 19  # tangents are held within these in the Jacobian
EYE = 20  # 20..22, the camera's centre
NEAR_Z = 23
CAMERA = 24

# A splat's gradient, summed over its pixels; ds = ∂L/∂sigma, u = dx + s·dy, w = its weight
SUM_1, SUM_Y, SUM_YY, SUM_U, SUM_UY, SUM_UU = 0, 1, 2, 3, 4, 5  # ds·(1, dy, dy², u, u·dy, u²)
SUM_RGBD = 6  # 6..9, w · ∂L/∂(red, green, blue, depth)
SUMS = 10

PLAIN = -1  # "degree" of colours that are not spherical harmonics

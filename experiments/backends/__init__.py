"""Speed, certified share and accuracy of each backend and precision, on images of CamVid val."""

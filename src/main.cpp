#include "porteiro/app/app.hpp"

int main(int argc, char** argv) { return porteiro::app::run(argc, argv); }
